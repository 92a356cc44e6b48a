package avahi

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// Names on the bus (avahi-daemon 0.8, /usr/share/dbus-1/interfaces).
const (
	busName       = "org.freedesktop.DBus"
	avahiName     = "org.freedesktop.Avahi"
	serverFace    = avahiName + ".Server"
	groupFace     = avahiName + ".EntryGroup"
	browserFace   = avahiName + ".RecordBrowser"
	errCollision  = avahiName + ".CollisionError"
	errObjects    = avahiName + ".TooManyObjectsError"
	errEntries    = avahiName + ".TooManyEntriesError"
	errNoPublish  = avahiName + ".NotPermittedError"
	errNoAccess   = busName + ".Error.AccessDenied"
	serverRunning = 2 // AVAHI_SERVER_RUNNING
)

const (
	callTime  = 5 * time.Second
	graceTime = 10 * time.Second // peers stay listed without a daemon: mdns.md 2.3
	firstTry  = time.Second      // pauses between attempts to reach the bus
	lastTry   = 30 * time.Second
)

// connect reaches the bus and the daemon, if it runs. At the first time a
// daemon that does not run is started, or it is an error.
func (n *Node) connect(first bool) error {
	n.inbox = newInbox()
	conn, err := n.cfg.Dial(dbus.WithSignalHandler(n.inbox))
	if err != nil {
		return op("connect to the system bus", err)
	}
	n.conn = conn
	for _, m := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(avahiName), dbus.WithMatchInterface(serverFace)},
		{dbus.WithMatchSender(avahiName), dbus.WithMatchInterface(groupFace)},
		{dbus.WithMatchSender(avahiName), dbus.WithMatchInterface(browserFace)},
		{dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, avahiName)},
	} {
		ctx, cancel := context.WithTimeout(n.ctx, callTime)
		err := conn.AddMatchSignalContext(ctx, m...)
		cancel()
		if err != nil {
			return op("listen on the bus", err)
		}
	}
	owner := n.findOwner()
	if owner == "" && first {
		_ = n.invoke(busName, "/org/freedesktop/DBus", busName+".StartServiceByName", nil, avahiName, uint32(0))
		if owner = n.findOwner(); owner == "" {
			return ErrNoDaemon
		}
	}
	if owner != "" {
		n.up(time.Now(), owner)
	}
	return nil
}

// findOwner asks the bus who is Avahi; "" is nobody.
func (n *Node) findOwner() (owner string) {
	_ = n.invoke(busName, "/org/freedesktop/DBus", busName+".GetNameOwner", &owner, avahiName)
	return owner
}

// invoke calls a method and waits for its result, which goes to out unless that
// is nil.
func (n *Node) invoke(dest string, path dbus.ObjectPath, method string, out any, args ...any) error {
	if n.conn == nil {
		return dbus.ErrClosed
	}
	ctx, cancel := context.WithTimeout(n.ctx, callTime)
	defer cancel()
	call := n.conn.Object(dest, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	if out == nil {
		return call.Err
	}
	return call.Store(out)
}

// ask calls a method of the daemon. A daemon that gives no answer at all is
// given up.
func (n *Node) ask(path dbus.ObjectPath, method string, out any, args ...any) error {
	if n.owner == "" {
		return ErrNoDaemon
	}
	err := n.invoke(n.owner, path, method, out, args...)
	var said dbus.Error
	if err != nil && !errors.As(err, &said) && n.ctx.Err() == nil {
		n.owner = "" // no more calls
		conn := n.conn
		n.after(0, func(time.Time) {
			if n.conn == conn {
				n.lost()
			}
		})
	}
	return err
}

// up begins with a daemon that is there: list and publish everything.
func (n *Node) up(now time.Time, owner string) {
	n.owner = owner
	if n.list() == nil {
		n.pause = 0
	}
	n.expire(graceTime)
	n.sync(now)
}

// down forgets what the daemon held for us. What it told stays listed until
// the grace is over.
func (n *Node) down() {
	n.owner = ""
	n.dropGroups()
	n.dropBrowsers()
	n.expire(graceTime)
}

// lost is down when the bus itself is gone: it is tried again.
func (n *Node) lost() {
	n.hangUp()
	n.down()
	n.pause = min(max(firstTry, 2*n.pause), lastTry)
	n.after(n.pause, n.retry)
}

func (n *Node) retry(time.Time) {
	if n.silent || n.conn != nil { // meanwhile
		return
	}
	if n.connect(false) != nil {
		n.lost()
	}
}

// silence ends what the daemon does for us by ending the connection.
func (n *Node) silence() {
	for _, c := range n.pub.waiting {
		c <- published{err: mdns.ErrWithdrawn}
	}
	n.pub.waiting, n.pub.wanted, n.silent = nil, false, true
	n.hangUp()
	n.down()
	for _, in := range n.browse.byKey {
		n.gone(in, mdns.CauseLinkLost)
	}
}

// speak ends silence.
func (n *Node) speak(now time.Time) {
	if !n.silent {
		return
	}
	n.silent, n.pause = false, 0
	n.retry(now)
}

func (n *Node) hangUp() {
	if n.conn != nil {
		_ = n.conn.Close()
		n.conn = nil
	}
}

// signal is one message that the daemon or the bus sent by itself.
type signal struct {
	sender string
	path   dbus.ObjectPath
	kind   signalKind
	view   view
	local  bool   // the daemon publishes this record itself
	data   []byte // rdata
	state  int32
	owner  string
}

type signalKind int

const (
	itemNew    signalKind = iota + 1
	itemGone              // ItemRemove
	exhausted             // CacheExhausted: what was known has been told
	allForNow             // who is there has answered
	failure               // the browser is dead
	groupState            // state, of an entry group
	newOwner              // owner
	serverState
)

// view is where a record was seen: a link, and IPv4 or IPv6.
type view struct {
	link  link.ID
	proto int32
}

// signal handles one. Only the daemon's own are believed: anybody on the bus
// can send us one.
func (n *Node) signal(now time.Time, s signal) {
	switch {
	case n.silent: // it was on its way
	case s.kind == newOwner && s.sender == busName:
		if n.owner != "" && s.owner != n.owner {
			n.down()
		}
		if s.owner != "" && n.owner == "" {
			n.up(now, s.owner)
		}
	case s.sender != n.owner || n.owner == "":
	case s.kind == groupState:
		n.groupState(now, s)
	case s.kind == serverState:
		if s.state == serverRunning {
			n.sync(now)
		}
	default:
		n.record(now, s)
	}
}

// maxSignals is how many signals wait for the loop. A crowd of 1,000 sends
// about 4,000 at once.
const maxSignals = 8192

// maxData is how much of a record is kept: TXT data beyond 1,300 octets are
// ignored (L-21), and a picture with more than one of its size (mdns.md 2.8);
// all others are shorter.
func maxData(kind uint16) int {
	if wire.Type(kind) == wire.TypeNULL {
		return mdns.MaxAvatar + 1
	}
	return 1300
}

// inbox takes signals from the bus connection, which must never wait for the
// loop: the loop may be waiting for an answer on the same connection. What
// finds it full is dropped and everything asked anew.
type inbox struct {
	signals chan signal
	full    chan struct{} // holds one element when a signal was dropped
}

func newInbox() *inbox {
	return &inbox{signals: make(chan signal, maxSignals), full: make(chan struct{}, 1)}
}

// DeliverSignal implements dbus.SignalHandler.
func (b *inbox) DeliverSignal(_, _ string, s *dbus.Signal) {
	x, ok := decodeSignal(s)
	if !ok {
		return
	}
	select {
	case b.signals <- x:
		return
	default:
	}
	select {
	case b.full <- struct{}{}:
	default:
	}
}

func (b *inbox) overflowed() bool {
	select {
	case <-b.full:
		return true
	default:
		return false
	}
}

// kinds of signals without a body that matters.
var plainSignals = map[string]signalKind{
	browserFace + ".CacheExhausted": exhausted,
	browserFace + ".AllForNow":      allForNow,
	browserFace + ".Failure":        failure,
}

// decodeSignal reads the signals we know; all others are not ok.
func decodeSignal(s *dbus.Signal) (signal, bool) {
	out := signal{sender: s.Sender, path: s.Path}
	var reason, name, was string
	var iface int32
	var class, kind uint16
	var flags uint32
	var data []byte
	switch s.Name {
	case browserFace + ".ItemNew", browserFace + ".ItemRemove":
		if dbus.Store(s.Body, &iface, &out.view.proto, &name, &class, &kind, &data, &flags) != nil {
			return out, false
		}
		out.kind = itemNew
		if s.Name == browserFace+".ItemRemove" {
			out.kind = itemGone
		}
		out.view.link = link.ID(iface)
		out.local = flags&resultLocal != 0
		out.data = slices.Clone(data[:min(len(data), maxData(kind))])
	case groupFace + ".StateChanged", serverFace + ".StateChanged":
		out.kind = groupState
		if s.Name == serverFace+".StateChanged" {
			out.kind = serverState
		}
		return out, dbus.Store(s.Body, &out.state, &reason) == nil
	case busName + ".NameOwnerChanged":
		out.kind = newOwner
		return out, dbus.Store(s.Body, &name, &was, &out.owner) == nil && name == avahiName
	default:
		out.kind = plainSignals[s.Name]
		return out, out.kind != 0
	}
	return out, true
}

// resultLocal is AVAHI_LOOKUP_RESULT_LOCAL.
const resultLocal = 8

// expire lets go, after d, of peers that no daemon has told us of since.
func (n *Node) expire(d time.Duration) {
	if n.browse.grace != nil {
		n.browse.grace.Stop()
	}
	n.browse.grace = n.after(d, func(now time.Time) {
		for _, in := range n.browse.byKey {
			if len(in.views) == 0 {
				n.gone(in, mdns.CauseLinkLost)
			}
		}
	})
}
