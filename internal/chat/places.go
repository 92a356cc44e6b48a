package chat

import (
	"llchat/internal/profile"
	"llchat/internal/safetext"
)

// Paths says where a profile keeps what (llchat paths).
type Paths struct {
	Profile  string `json:"profile"`
	Identity string `json:"identity"`
	Key      string `json:"key"`
	Trust    string `json:"trust"`
	Config   string `json:"config"`
	History  string `json:"history"`
	Log      string `json:"log"`
	Lock     string `json:"lock"`
	Socket   string `json:"socket"`
}

// Places lists the files of a profile. It makes the folder if it is missing.
func Places(nameOrDir string) (Paths, error) {
	p, err := openProfile(nameOrDir)
	if err != nil {
		return Paths{}, err
	}
	defer func() { _ = p.Close() }()
	return Paths{
		Profile:  p.Dir(),
		Identity: p.Path("identity"),
		Key:      p.Path("key"),
		Trust:    p.Path("trust"),
		Config:   p.Path("config"),
		History:  p.Path(historyFile),
		Log:      p.Path("log"),
		Lock:     p.Path("lock"),
		Socket:   p.Socket(),
	}, nil
}

// Socket is where the node of this profile listens for commands.
func (n *Node) Socket() string { return n.prof.Socket() }

// faceSettings is the part of Status that stands in the settings.
func faceSettings(s profile.Settings) Status {
	return Status{
		Nick: safetext.Name(s.Nick), Status: presenceWord(s.Status), Message: safetext.Line(s.Message),
		Visibility: s.Visibility, Strangers: s.Strangers, Fresh: s.Nick == "",
	}
}
