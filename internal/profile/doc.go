// Package profile is the folder in which one identity lives: names of files,
// the lock, atomic writes, the store key and the settings.
//
// Find the folder with [Dir], open it with [Open], and before anything goes to
// the network take [Profile.Lock]: one node holds a profile at a time. Reading
// needs no lock. [Temporary] makes a profile that leaves no trace.
//
// A profile is private or it is refused (security.md R-1): folder 0700, files
// 0600, all ours. Files are replaced whole: after a crash at any moment a file
// holds its old or its new contents, and the one before is kept beside it
// with the ending .1. What is damaged, foreign, readable by others or written
// by a newer llchat is an [Error] that says what to do, and is never replaced
// (P-26).
//
// # Passphrase
//
// Without one the file "key" holds the key of the store, and whoever can read
// the folder can read it all. With one ([Profile.SetPassphrase]) it holds that
// key under a key made of the passphrase (Argon2id), and the files "identity"
// and "trust" are sealed with it (P-20), as are the versions before them.
// [Profile.Read] and [Profile.Write] hide that, once [Profile.Unlock] had the
// passphrase; before, they answer [ErrSealed]. The settings stay readable.
//
//	llchat-store-key 2
//	argon2id t=3 m=65536 p=1 salt=<16 octets, hex>
//	files sealed                  (or moving, while some are and some are not)
//	xchacha20poly1305 <nonce> <key, sealed, bound to the lines above>
//	sum <first 8 octets of SHA-256 of the lines above>
//
// A sealed file is the line "llchat-sealed 1 xchacha20poly1305", 24 octets of
// nonce, and the box, bound to the name of the file. Both keys come out of
// HKDF-SHA-256, each with a label of its own. What a file in clear is replaced
// by is written first, then the old one is overwritten where it lies; copies
// that a file system or a flash disk keeps, and backups, are out of reach.
// [Profile.Destroy] is the end of a profile.
//
// A Profile may be used from several goroutines. All file names are plain;
// work goes through an [os.Root], so no name and no link leads out of the
// folder.
package profile
