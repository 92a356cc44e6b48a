package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// command is a slash command, for both faces: the window and the line mode.
type command struct {
	name   ink.Own
	args   ink.Own
	help   ink.Own
	person bool // its first argument is a person
	needs  int  // arguments it cannot do without
	words  []option
}

// option is a word that an argument can be.
type option struct{ word, help ink.Own }

var visibilities = []option{
	{ink.Const("open"), ink.Const("name and status")},
	{ink.Const("quiet"), ink.Const("that somebody is here, no name, no status")},
	{ink.Const("ghost"), ink.Const("nothing at all")},
}

// settings are what chat.API.Set takes that has no command of its own.
var settings = []option{
	{ink.Const("strangers ask"), ink.Const("new people ask, you accept or block each one")},
	{ink.Const("strangers refuse"), ink.Const("new people cannot even ask")},
	{ink.Const("strangers accept"), ink.Const("new people can write at once")},
	{ink.Const("typing on"), ink.Const("contacts see when you write")},
	{ink.Const("typing off"), ink.Const("nobody sees when you write")},
	{ink.Const("displayed on"), ink.Const("contacts see what you have read")},
	{ink.Const("displayed off"), ink.Const("nobody sees what you have read")},
	{ink.Const("nick"), ink.Const("the name that others see")},
	{ink.Const("message"), ink.Const("a line on what you are doing")},
	{ink.Const("visibility"), ink.Const("what the network learns")},
}

var commands = []command{
	{ink.Const("/msg"), ink.Const("PERSON [TEXT]"), ink.Const("write to somebody"), true, 1, nil},
	{ink.Const("/accept"), ink.Const("[PERSON] [as NAME]"), ink.Const("let somebody who asks write to you; as: under your own name for them"), true, 0, nil},
	{ink.Const("/trust"), ink.Const("[KEY] NAME"), ink.Const("a key in conflict is the new one of your contact NAME"), false, 1, nil},
	{ink.Const("/block"), ink.Const("[PERSON]"), ink.Const("hear no more of a key"), true, 0, nil},
	{ink.Const("/info"), ink.Const("[PERSON]"), ink.Const("what is known of somebody: key, addresses, last seen"), true, 0, nil},
	{ink.Const("/add"), ink.Const("ADDRESS"), ink.Const("reach somebody by address, where nobody can be found"), false, 1, nil},
	{ink.Const("/who"), ink.Const("[FILTER]"), ink.Const("who is here"), false, 0, nil},
	{ink.Const("/search"), ink.Const("[WORDS] [from:NAME] [in:NAME]"), ink.Const("find messages; Ctrl+F looks in all conversations"), false, 0, nil},
	{ink.Const("/reply"), ink.Const("TEXT"), ink.Const("answer their last message"), false, 1, nil},
	{ink.Const("/edit"), ink.Const("[TEXT]"), ink.Const("correct your last message"), false, 0, nil},
	{ink.Const("/takeback"), ink.Const(""), ink.Const("take your last message back; what was read stays read"), false, 0, nil},
	{ink.Const("/react"), ink.Const("EMOJI"), ink.Const("react to their last message; again: take it back"), false, 1, nil},
	{ink.Const("/retry"), ink.Const(""), ink.Const("send your last message that failed once more"), false, 0, nil},
	{ink.Const("/me"), ink.Const("TEXT"), ink.Const("say what you do: * you wave"), false, 1, nil},
	{ink.Const("/spoiler"), ink.Const("[HINT |] TEXT"), ink.Const("write what is hidden until it is asked for"), false, 1, nil},
	{ink.Const("/show"), ink.Const(""), ink.Const("show the last spoiler"), false, 0, nil},
	{ink.Const("/nick"), ink.Const("NAME"), ink.Const("change the name that others see"), false, 1, nil},
	{ink.Const("/status"), ink.Const("[TEXT]"), ink.Const("say in a line what you are doing; empty: say nothing"), false, 0, nil},
	{ink.Const("/away"), ink.Const("[TEXT]"), ink.Const("show that you are away"), false, 0, nil},
	{ink.Const("/dnd"), ink.Const("[TEXT]"), ink.Const("show that you are busy"), false, 0, nil},
	{ink.Const("/back"), ink.Const(""), ink.Const("show that you are here again"), false, 0, nil},
	{ink.Const("/visibility"), ink.Const("WORD"), ink.Const("what the network learns: open (name and status), quiet (neither), ghost (nothing)"), false, 1, visibilities},
	{ink.Const("/set"), ink.Const("KEY VALUE"), ink.Const("change a setting"), false, 1, settings},
	{ink.Const("/id"), ink.Const(""), ink.Const("your own key and addresses"), false, 0, nil},
	{ink.Const("/net"), ink.Const(""), ink.Const("how the network is, and what is wrong with it"), false, 0, nil},
	{ink.Const("/log"), ink.Const(""), ink.Const("what llchat told you so far"), false, 0, nil},
	{ink.Const("/help"), ink.Const("[WORD]"), ink.Const("marks, keys and commands"), false, 0, nil},
	{ink.Const("/quit"), ink.Const(""), ink.Const("leave; drafts are kept"), false, 0, nil},
}

// parse parts a line into the command, and what follows its name.
func parse(line string) (name, rest string) {
	name, rest, _ = strings.Cut(strings.TrimSpace(line), " ")
	return strings.ToLower(name), strings.TrimSpace(rest)
}

// person takes a name off the front of the arguments. Names with spaces go in
// quotes.
func person(rest string) (who, text string) {
	if quoted, ok := strings.CutPrefix(rest, `"`); ok {
		if who, text, ok = strings.Cut(quoted, `"`); ok {
			return who, strings.TrimSpace(text)
		}
	}
	who, text, _ = strings.Cut(rest, " ")
	return who, strings.TrimSpace(text)
}

// quote writes a name as person reads it.
func quote(name string) string {
	if strings.ContainsAny(name, " \t") {
		return `"` + name + `"`
	}
	return name
}

func lookup(name string) (command, bool) {
	i := slices.IndexFunc(commands, func(c command) bool { return c.name.String() == name })
	if i < 0 {
		return command{}, false
	}
	return commands[i], true
}

// nearest is the command that somebody may have meant: the longest common
// start.
func nearest(name string) command {
	best, most := commands[len(commands)-2], 1
	for _, c := range commands {
		n := 0
		for n < min(len(name), len(c.name.String())) && name[n] == c.name.String()[n] {
			n++
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

// command runs the line in the composer. A line that cannot be run stays.
func (m *model) command(c *conv, line string) tea.Cmd {
	name, rest := parse(line)
	cmd, ok := lookup(name)
	if !ok {
		near := nearest(name)
		return m.say(ink.L(ink.Err, "no command "), ink.T(ink.Fg, safetext.Name(name)), ink.L(ink.Mut, " · did you mean "),
			ink.O(ink.Acc, near.name), ink.L(ink.Mut, "? To send a text that starts with /, write //"))
	}
	if len(strings.Fields(rest)) < cmd.needs {
		return m.say(ink.O(ink.Acc, cmd.name), ink.L(ink.Fg, " "), ink.O(ink.Fg, cmd.args), ink.L(ink.Mut, ": "), ink.O(ink.Mut, cmd.help))
	}
	c.draft.Set("")
	m.menu.close()
	return m.run(name, rest)
}

func (m *model) run(name, rest string) tea.Cmd {
	switch name {
	case "/msg":
		return m.message(rest)
	case "/accept":
		return m.acceptAny(rest)
	case "/trust":
		return m.trust(rest)
	case "/block":
		return m.block(m.personOr(rest))
	case "/search":
		return m.startSearch(rest)
	case "/me", "/spoiler", "/reply", "/edit", "/takeback", "/react", "/retry", "/show":
		return m.lastWord(name, rest)
	case "/info":
		return m.info(rest)
	case "/add":
		return m.add(rest)
	case "/set":
		return m.setAny(rest)
	case "/id":
		return m.startPage(selfPage, "")
	case "/net":
		return m.startPage(netPage, "")
	case "/log":
		return m.startPage(logPage, "")
	case "/who":
		return m.startFinder(rest)
	case "/nick":
		return m.set("nick", rest, ink.L(ink.Fg, "others see you as "), ink.T(ink.Fg|ink.Bold, safetext.Name(rest)))
	case "/visibility":
		return m.set("visibility", rest, ink.L(ink.Fg, "the network sees you as "), ink.T(ink.Fg|ink.Bold, safetext.Line(rest)))
	case "/status":
		if value, ok := presenceOf(rest); ok {
			return m.set("status", value)
		}
		return m.set("message", rest)
	case "/away", "/dnd", "/back":
		return m.presence(name, rest)
	case "/help":
		return m.startHelp(rest)
	case "/quit":
		return m.leave()
	}
	return nil
}

// lastWord runs the commands that write in the open conversation, or say something
// about its last message.
func (m *model) lastWord(name, rest string) tea.Cmd {
	c := m.current()
	if m.open == "" {
		return m.say(ink.L(ink.Fg, "choose who to write to: "), ink.L(ink.Acc, "Ctrl+K"))
	}
	if lock := m.lockOf(); !lock.IsEmpty() && name != "/show" && (name != "/retry" || !m.replaced()) {
		return m.say(ink.L(ink.Err, "locked: "), ink.O(ink.Fg, lock))
	}
	switch name {
	case "/me":
		return m.write(c, chat.Writing{Text: action + rest})
	case "/spoiler":
		return m.write(c, spoiler(rest))
	case "/retry":
		return m.tryAgain()
	}
	l := c.last(name)
	if l == nil {
		return m.say(ink.L(ink.Mut, "there is no message for that; "), ink.L(ink.Acc, "↑"), ink.L(ink.Mut, " chooses one"))
	}
	switch {
	case name == "/show":
		c.toggleSpoiler(l)
		return nil
	case name == "/takeback":
		return m.about(chat.Writing{Retracts: l.ID})
	case name == "/react":
		return m.react(l, rest)
	case name == "/reply":
		return m.write(c, chat.Writing{Text: rest, Reply: l.ID})
	case rest == "":
		return m.correct(l)
	}
	return m.write(c, correction(&l.Message, rest))
}

// correction is a text in place of another one; a spoiler stays one.
func correction(old *chat.Message, text string) chat.Writing {
	return chat.Writing{Text: text, Replaces: old.ID, Spoiler: old.Spoiler, Hint: old.Hint.String()}
}

// spoiler parts what is written after /spoiler.
func spoiler(rest string) chat.Writing {
	hint, text, ok := strings.Cut(rest, "|")
	if !ok {
		hint, text = "", rest
	}
	return chat.Writing{Text: strings.TrimSpace(text), Spoiler: true, Hint: strings.TrimSpace(hint)}
}

// suits reports whether a command about the last message means this one.
func suits(name string, msg *chat.Message) bool {
	switch {
	case !msg.Retracted.IsZero() || msg.Kind != chat.Plain:
		return false
	case name == "/show":
		return msg.Spoiler
	case name == "/edit", name == "/takeback":
		return msg.Direction == chat.Out && msg.State != chat.Failed
	case name == "/retry":
		return msg.Direction == chat.Out && msg.State == chat.Failed
	}
	return msg.Direction == chat.In
}

// last is the newest message that a command means, or nil.
func (c *conv) last(name string) *line {
	for i := len(c.lines) - 1; i >= max(0, len(c.lines)-pageSize); i-- {
		if l := &c.lines[i]; suits(name, &l.Message) {
			return l
		}
	}
	return nil
}

// presence sets what others see, with a line of text when there is one.
func (m *model) presence(name, text string) tea.Cmd {
	value, _ := presenceOf(name[1:])
	return m.do(func() error {
		if err := m.api.Set(m.ctx, "status", value); err != nil {
			return err
		}
		if text == "" && name != "/back" {
			return nil
		}
		return m.api.Set(m.ctx, "message", text)
	})
}

// personOr is the person named, or the one whose conversation is open.
func (m *model) personOr(rest string) string {
	who, _ := person(rest)
	if who == "" {
		return m.open
	}
	return m.keyOf(who)
}

// keyOf is the row that a word means, if exactly one; else the word, for the
// engine to complain about.
func (m *model) keyOf(who string) string {
	if found := m.book.find(who); len(found) == 1 {
		return found[0].peer.Key
	}
	return who
}

// message opens somebody's conversation, and sends a text if one is there.
func (m *model) message(rest string) tea.Cmd {
	who, text := person(rest)
	found := m.book.find(who)
	if len(found) != 1 {
		m.current().draft.Set("/msg " + rest) // what was written is not lost
		cmd := m.startFinder(who)
		if len(found) == 0 {
			return tea.Batch(cmd, m.say(ink.L(ink.Err, "nobody here is called "), ink.T(ink.Fg, safetext.Name(who))))
		}
		return tea.Batch(cmd, m.say(ink.L(ink.New, "more than one is called "), ink.T(ink.Fg, safetext.Name(who)), ink.L(ink.Mut, ": choose by the key")))
	}
	show := m.show(found[0].peer.Key)
	if text == "" {
		return show
	}
	if lock := m.lockOf(); !lock.IsEmpty() {
		return tea.Batch(show, m.say(ink.L(ink.Err, "not sent: "), ink.O(ink.Fg, lock)))
	}
	return tea.Batch(show, m.send(m.current(), text))
}
