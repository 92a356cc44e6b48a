package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
)

// defaultName is the profile that is used when none is named (cli.md).
const defaultName = "default"

// Root returns the folder that holds the profiles: $LLCHAT_HOME, else
// $XDG_DATA_HOME/llchat, else llchat in the system's data folder. It need not
// exist.
func Root() (string, error) {
	if home := os.Getenv("LLCHAT_HOME"); home != "" {
		return filepath.Abs(home)
	}
	// A relative path in it is to be ignored (XDG Base Directory, 0.8).
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "llchat"), nil
	}
	data, err := dataFolder()
	if err != nil {
		return "", fmt.Errorf("find data folder: %w", err)
	}
	return filepath.Join(data, "llchat"), nil
}

// dataFolder returns the system's place for a user's data.
func dataFolder() (string, error) {
	switch runtime.GOOS {
	case "windows", "darwin":
		// %LocalAppData% on Windows, not the roaming one: keys stay on the
		// machine. ~/Library/Application Support on macOS.
		if runtime.GOOS == "windows" {
			return os.UserCacheDir()
		}
		return os.UserConfigDir()
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// Dir returns the folder of a profile: of the default one for "", of a named
// one, or nameOrDir itself when it contains a separator. Links in it are
// resolved, so that one folder has one path.
func Dir(nameOrDir string) (string, error) {
	if strings.ContainsRune(nameOrDir, '/') || strings.ContainsRune(nameOrDir, filepath.Separator) {
		return canonical(nameOrDir)
	}
	name := nameOrDir
	if name == "" {
		name = defaultName
	}
	if !plainName(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("profile name %q: a name has no dot in front and no special characters; write ./%s for a folder", name, name)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return canonical(filepath.Join(root, name))
}

// plainName reports whether name can be one file in a folder, on any system.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, `/\:`) &&
		!strings.ContainsFunc(name, unicode.IsControl)
}

// canonical makes dir absolute and resolves the links in as much of it as
// exists.
func canonical(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		return resolved, nil
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return dir, nil
	}
	parent, err = canonical(parent)
	return filepath.Join(parent, filepath.Base(dir)), err
}

const socketName = "control.sock"

// SocketPath returns where the control socket of the profile in dir is, as
// Dir returned it, without making anything: in the runtime folder if
// there is one, else in the profile (cli.md).
func SocketPath(dir string) string {
	if folder, ok := runtimeFolder(dir); ok {
		return filepath.Join(folder, socketName)
	}
	return filepath.Join(dir, socketName)
}

// Socket returns where the control socket of p is and makes the folders to it,
// 0700.
func (p *Profile) Socket() string {
	folder, ok := runtimeFolder(p.dir)
	if !ok {
		return p.Path(socketName)
	}
	// What of it exists was found to be ours already.
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return p.Path(socketName)
	}
	if p.temporary {
		p.mu.Lock()
		p.runtime = folder
		p.mu.Unlock()
	}
	return filepath.Join(folder, socketName)
}

// runtimeFolder returns the folder for the socket of the profile in dir below
// $XDG_RUNTIME_DIR. It is not ok when others could put something in its place,
// or when the path would be too long for a socket.
func runtimeFolder(dir string) (folder string, ok bool) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(base) || !ownFolder(base, 0o022) {
		return "", false
	}
	sum := sha256.Sum256([]byte(dir))
	ours := filepath.Join(base, "llchat")
	folder = filepath.Join(ours, hex.EncodeToString(sum[:8]))
	if len(folder)+len("/"+socketName) > maxSocketPath {
		return "", false
	}
	for _, f := range []string{ours, folder} {
		if _, err := os.Lstat(f); err == nil && !ownFolder(f, 0o077) {
			return "", false
		}
	}
	return folder, true
}

// ownFolder reports whether path is a folder of ours without the given
// permissions. A link is not.
func ownFolder(path string, denied os.FileMode) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	_, ours := owner(info)
	return ours && (!modesMatter || info.Mode().Perm()&denied == 0)
}
