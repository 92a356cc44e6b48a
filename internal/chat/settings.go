package chat

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/profile"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// maxMessage bounds the free text beside the status; the record carries its
// first 80 octets (spec 3), contacts get all of it inside TLS.
const maxMessage = 255

func withDefaults(s *profile.Settings) {
	for _, d := range []struct {
		at  *string
		def string
	}{{&s.Typing, SettingOff}, {&s.Displayed, SettingOff}, {&s.Prelude, PreludeBare}, {&s.Visibility, VisibleOpen}, {&s.Strangers, StrangersAsk}, {&s.Status, "avail"}, {&s.MDNS, MDNSAuto}, {&s.LockAfter, "0"}, {&s.LockNetwork, LockLeave}} {
		if *d.at == "" {
			*d.at = d.def
		}
	}
}

// checkSettings says in words which setting is wrong.
func checkSettings(s profile.Settings) error {
	for _, c := range []struct{ name, value, words string }{
		{"visibility", s.Visibility, VisibleOpen + " " + VisibleQuiet + " " + VisibleGhost},
		{"strangers", s.Strangers, StrangersAsk + " " + StrangersAccept + " " + StrangersRefuse},
		{"status", s.Status, "avail away dnd"},
		{"typing", s.Typing, SettingOn + " " + SettingOff},
		{"displayed", s.Displayed, SettingOn + " " + SettingOff},
		{"prelude", s.Prelude, PreludeBare + " " + PreludeFull},
		{"mdns", s.MDNS, MDNSAuto + " " + MDNSOwn + " " + MDNSAvahi},
		{"lock-network", s.LockNetwork, LockLeave + " " + LockKeep},
	} {
		if err := oneOf(c.name, c.value, c.words); err != nil {
			return err
		}
	}
	if _, err := lockMinutes(s.LockAfter); err != nil {
		return err
	}
	if err := checkCard(s); err != nil || s.Nick == "" {
		return err
	}
	return checkNick(s.Nick)
}

func oneOf(name, value, words string) error {
	for w := range strings.FieldsSeq(words) {
		if value == w {
			return nil
		}
	}
	return usage(fmt.Sprintf("%s cannot be %q", name, value), "choose one of: "+words)
}

// checkNick wants a name that others can see: no escape codes, not only
// invisible characters, one DNS label at the most (L-27).
func checkNick(nick string) error {
	shown := safetext.Name(nick).String()
	if shown == "" || len(nick) > 63 || !utf8.ValidString(nick) || strings.ContainsFunc(nick, unicode.IsControl) {
		return usage(fmt.Sprintf("the nick %q cannot be shown to others", shown),
			"use 1 to 63 octets of letters, digits, spaces and signs")
	}
	return nil
}

func usage(text, hint string) *Error { return &Error{Code: CodeUsage, Text: text, Hint: hint} }

// Set implements API.
func (n *Node) Set(ctx context.Context, key, value string) error {
	if key == "visibility" {
		return n.setVisibility(ctx, value)
	}
	value, err := readSetting(key, value)
	if err != nil {
		return err
	}
	return n.call(ctx, func() error {
		s := n.settings
		if err := change(&s, key, value); err != nil {
			return err
		}
		if err := n.prof.SaveSettings(s); err != nil {
			return err
		}
		n.settings = s
		switch {
		case key == "strangers", key == "typing", key == "displayed", strings.HasPrefix(key, "lock-"):
			return nil
		case key == "prelude":
			n.settlePrelude()
			return nil
		case key == "mdns":
			n.chooseFinder()
			return nil
		case strings.HasPrefix(key, "discovery-"):
			n.tendDomain()
			return nil
		}
		return n.announce()
	})
}

// change applies one setting of `llchat set`.
func change(s *profile.Settings, key, value string) error {
	switch key {
	case "nick":
		s.Nick = strings.TrimSpace(value)
		if s.Nick == "" {
			return usage("the nick is empty", "llchat set nick NAME")
		}
	case "status":
		s.Status = value
	case "message":
		if len(value) > maxMessage || strings.ContainsAny(value, "\r\n") || !utf8.ValidString(value) {
			return usage(fmt.Sprintf("the message is longer than %d octets or has more than one line", maxMessage), "")
		}
		s.Message = value
	case "strangers":
		s.Strangers = value
	case "visibility":
		s.Visibility = value
	case "typing":
		s.Typing = value
	case "displayed":
		s.Displayed = value
	case "prelude":
		s.Prelude = value
		if err := checkPrelude(*s); err != nil {
			return err
		}
	case "mdns":
		s.MDNS = value
	case "lock-after":
		s.LockAfter = value
	case "lock-network":
		s.LockNetwork = value
	case "discovery-domain", "discovery-server", "discovery-key":
		return changeDomain(s, key, value)
	default:
		if !setCard(s, key, value) {
			return usage(fmt.Sprintf("there is no setting %q", key), "settings: nick, status, message, visibility, strangers, typing, displayed, prelude, "+
				"lock-after, lock-network, mdns, discovery-domain, discovery-server, discovery-key, first, last, email, jid, avatar")
		}
	}
	return checkSettings(*s)
}

// changeDomain applies one setting of the unicast DNS-SD domain; empty is off.
func changeDomain(s *profile.Settings, key, value string) error {
	if err := checkDomainSetting(key, value); err != nil {
		return err
	}
	*map[string]*string{"discovery-domain": &s.Domain, "discovery-server": &s.Server, "discovery-key": &s.Key}[key] = value
	return nil
}

// announce lets others know the nick, status and message: everybody by the
// TXT record of the open profile, contacts by presence inside their streams.
func (n *Node) announce() error {
	n.publish()
	if n.publishing && n.events != nil && !n.ghost() && !n.turning() { // else it follows
		n.showAvatar()
		if err := n.disc.Load().SetText(n.presenceText()); err != nil {
			return fmt.Errorf("announce: %w", err)
		}
	}
	n.enterDomain()
	for _, r := range n.remotes {
		for _, l := range r.live {
			if l.accepted {
				n.say(l, n.presence())
			}
		}
	}
	return nil
}

// presenceText is the TXT record of the profile's visibility (spec 3).
func (n *Node) presenceText() mdns.Text {
	if n.settings.Visibility != VisibleOpen {
		return mdns.PresenceText("", "", "")
	}
	return withCaps(withCard(mdns.PresenceText(n.settings.Nick, n.shownStatus(), n.settings.Message), n.settings))
}

// presence is what contacts are told inside TLS (K11).
func (n *Node) presence() stanza.Presence {
	p := stanza.Presence{Status: n.settings.Message, Unknown: []*xmlstream.Element{capsElement}}
	if show := n.shownStatus(); show != "avail" {
		p.Show = show
	}
	return p
}

// keepName remembers a name that a conflict gave us, so that the next start
// begins with it (RFC 6762 section 9).
func (n *Node) keepName(instance string) {
	if n.settings.Visibility != VisibleOpen {
		return
	}
	user, machine := mdns.SplitInstance(instance)
	if machine == n.settings.Machine && user == n.settings.User {
		return
	}
	n.settings.User, n.settings.Machine = user, machine
	if err := n.prof.SaveSettings(n.settings); err != nil {
		n.log.Error("Name not kept", "err", err)
	}
}

// renamed follows a change of our own instance name. Streams that are open
// keep the names of their headers (spec 5.4).
func (n *Node) renamed(instance string) {
	if n.ghost() || n.turning() || peer.Fold(instance) == peer.Fold(n.names.now()) {
		return // a name before the present turn, which itself tells what comes of it
	}
	n.names.add(instance)
	n.keepName(instance)
	n.clearHealth(healthContested) // the name that was kept then is lost now
	n.lapse[healthRenamed] = time.Now().Add(nameTime)
	n.setHealth(healthRenamed, "your name was taken on this network: you are now "+
		safetext.Name(instance).String(), "")
	n.enterDomain()
}
