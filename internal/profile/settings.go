package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

const (
	configName    = "config"
	configVersion = 1
	maxConfig     = 64 << 10
)

// Settings is the file config. An empty field was never set.
type Settings struct {
	Nick, Status, Message string // what the others see
	Strangers             string // who may reach us
	Visibility            string // open or quiet
	User, Machine         string // the two parts of the instance name
	Port                  uint16
	Typing, Displayed     string // on: contacts learn that we write, and what we have seen
	Prelude               string // full: names before TLS, for foreign software
	LockAfter             string // minutes without a command, 0: never
	LockNetwork           string // leave or keep the network while locked
	MDNS                  string // who speaks multicast DNS for us: auto, own or avahi
	Domain                string // the unicast DNS-SD domain, without one nobody's server is asked
	Server                string // its name servers, else those of the system
	Key                   string // path of the TSIG key that may change it
	Entry                 string // the instance name that we have, or left, there
	First, Last           string // the card: published if set, in the open profile
	Email, JID            string // several stand apart by spaces
	Avatar                []byte // the picture itself
	// Extra keeps what a later llchat of the same version has added.
	Extra map[string]json.RawMessage
}

// field is one key of the file.
type field struct {
	key   string
	value any  // pointer into a Settings
	unset bool // nothing to write
}

// fields lists the keys of s in the order of the file.
func (s *Settings) fields() []field {
	text := func(key string, v *string) field { return field{key, v, *v == ""} }
	return []field{
		text("nick", &s.Nick), text("status", &s.Status), text("message", &s.Message),
		text("strangers", &s.Strangers), text("visibility", &s.Visibility),
		text("user", &s.User), text("machine", &s.Machine),
		{"port", &s.Port, s.Port == 0},
		text("typing", &s.Typing), text("displayed", &s.Displayed), text("prelude", &s.Prelude), text("lock-after", &s.LockAfter), text("lock-network", &s.LockNetwork), text("mdns", &s.MDNS), text("discovery-domain", &s.Domain), text("discovery-server", &s.Server),
		text("discovery-key", &s.Key), text("discovery-entry", &s.Entry),
		text("first", &s.First), text("last", &s.Last), text("email", &s.Email), text("jid", &s.JID),
		{"avatar", &s.Avatar, len(s.Avatar) == 0},
	}
}

// Settings reads the settings. Without a file they are all empty.
func (p *Profile) Settings() (Settings, error) {
	data, err := p.Read(configName, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	s, err := parseSettings(p.Path(configName), data)
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

func parseSettings(path string, data []byte) (Settings, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		return Settings{}, damaged(path, "not a JSON object")
	}
	var version int
	if err := json.Unmarshal(raw["version"], &version); err != nil || version < 1 {
		return Settings{}, damaged(path, "no version in it")
	}
	if version > configVersion {
		return Settings{}, newer(path, version)
	}
	delete(raw, "version")
	var s Settings
	for _, f := range s.fields() {
		value, ok := raw[f.key]
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, f.value); err != nil {
			return Settings{}, damaged(path, f.key+" has the wrong form")
		}
		delete(raw, f.key)
	}
	if len(raw) > 0 {
		s.Extra = raw
	}
	return s, nil
}

// SaveSettings writes the settings, with what Extra holds.
func (p *Profile) SaveSettings(s Settings) error {
	// A file that this program cannot read is not replaced (P-26).
	if _, err := p.Settings(); err != nil {
		return err
	}
	data, err := formatSettings(s)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return p.Write(configName, data)
}

func formatSettings(s Settings) ([]byte, error) {
	out := fmt.Appendf(nil, `{"version":%d`, configVersion)
	known := map[string]bool{"version": true}
	for _, f := range s.fields() {
		known[f.key] = true
		if f.unset {
			continue
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, `,%q:%s`, f.key, value)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Extra)) {
		if known[key] {
			continue
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, `,%s:%s`, name, s.Extra[key])
	}
	var b bytes.Buffer
	if err := json.Indent(&b, append(out, '}'), "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
