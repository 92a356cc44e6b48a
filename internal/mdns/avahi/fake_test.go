package avahi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// daemon is an avahi-daemon and its bus in memory: what it does on the network
// is up to the test, what it says on the bus is as avahi-daemon 0.8 does it.
type daemon struct {
	mu      sync.Mutex // guards the following
	conn    *dbus.Conn
	owner   string // "" while it does not run
	next    int
	groups  map[dbus.ObjectPath]*fakeGroup
	seekers map[dbus.ObjectPath]*seeker
	records []heard
	taken   map[string]bool  // names that others defend, by presentation
	refuse  map[string]error // errors of methods
	hang    bool             // no call is answered
	log     []string
}

// heard is a record in the daemon's cache.
type heard struct {
	link  int32
	proto int32
	name  string // presentation
	kind  wire.Type
	data  string
	flags uint32
}

func newDaemon() *daemon {
	return &daemon{
		owner: ":1.1", taken: map[string]bool{}, refuse: map[string]error{},
		groups: map[dbus.ObjectPath]*fakeGroup{}, seekers: map[dbus.ObjectPath]*seeker{},
	}
}

// handshake plays the other side of D-Bus authentication towards its own end,
// so that two godbus connections can talk over a pipe.
type handshake struct {
	io.ReadWriteCloser
	lines bytes.Buffer
	begun bool
}

func (h *handshake) Write(b []byte) (int, error) {
	if h.begun {
		return h.ReadWriteCloser.Write(b)
	}
	switch s := string(b); {
	case strings.HasPrefix(s, "AUTH\r\n"):
		h.lines.WriteString("REJECTED ANONYMOUS\r\n")
	case strings.HasPrefix(s, "AUTH ANONYMOUS"):
		h.lines.WriteString("OK 0123456789abcdef0123456789abcdef\r\n")
	case strings.HasPrefix(s, "BEGIN"):
		h.begun = true
	}
	return len(b), nil
}

func (h *handshake) Read(b []byte) (int, error) {
	if h.lines.Len() > 0 {
		return h.lines.Read(b)
	}
	return h.ReadWriteCloser.Read(b)
}

func attach(c net.Conn, opts ...dbus.ConnOption) (*dbus.Conn, error) {
	conn, err := dbus.NewConn(&handshake{ReadWriteCloser: c}, opts...)
	if err != nil {
		return nil, err
	}
	return conn, conn.Auth([]dbus.Auth{dbus.AuthAnonymous()})
}

var errNoBus = errors.New("no bus")

// dial is Config.Dial.
func (d *daemon) dial(opts ...dbus.ConnOption) (*dbus.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse["dial"] != nil {
		return nil, d.refuse["dial"]
	}
	ours, theirs := net.Pipe()
	conn, err := attach(ours)
	if err != nil {
		return nil, err
	}
	if err := conn.Export(bus{d}, "/org/freedesktop/DBus", busName); err != nil {
		return nil, err
	}
	if err := conn.Export(server{d}, "/", serverFace); err != nil {
		return nil, err
	}
	d.conn = conn
	return attach(theirs, opts...)
}

// say sends a signal as if sender had.
func (d *daemon) say(sender string, path dbus.ObjectPath, name string, body ...any) {
	face, member := name[:strings.LastIndexByte(name, '.')], name[strings.LastIndexByte(name, '.')+1:]
	m := &dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldInterface: dbus.MakeVariant(face),
		dbus.FieldMember:    dbus.MakeVariant(member),
		dbus.FieldPath:      dbus.MakeVariant(path),
		dbus.FieldSender:    dbus.MakeVariant(sender),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}}
	d.conn.Send(m, nil)
}

func (d *daemon) check(method string, args ...any) *dbus.Error {
	if d.hang {
		d.mu.Unlock()
		time.Sleep(time.Minute)
		d.mu.Lock()
	}
	d.log = append(d.log, strings.TrimSpace(method+" "+fmt.Sprintln(args...)))
	if err := d.refuse[method]; err != nil {
		return &dbus.Error{Name: err.Error()}
	}
	return nil
}

func (d *daemon) path(kind string) dbus.ObjectPath {
	d.next++
	return dbus.ObjectPath(fmt.Sprintf("/Client0/%s%d", kind, d.next))
}

// bus is the part of the bus driver that is used.
type bus struct{ d *daemon }

func (b bus) AddMatch(string) *dbus.Error { return nil }

func (b bus) GetNameOwner(string) (string, *dbus.Error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if b.d.owner == "" {
		return "", &dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}
	}
	return b.d.owner, nil
}

func (b bus) StartServiceByName(string, uint32) (uint32, *dbus.Error) {
	return 0, &dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}
}

type server struct{ d *daemon }

func (s server) EntryGroupNew() (dbus.ObjectPath, *dbus.Error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if err := s.d.check("EntryGroupNew"); err != nil {
		return "", err
	}
	g := &fakeGroup{d: s.d, path: s.d.path("EntryGroup")}
	s.d.groups[g.path] = g
	return g.path, dbusError(s.d.conn.Export(g, g.path, groupFace))
}

func (s server) RecordBrowserNew(_, _ int32, name string, _, kind uint16, _ uint32) (dbus.ObjectPath, *dbus.Error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if err := s.d.check("RecordBrowserNew", name, kind); err != nil {
		return "", err
	}
	k := &seeker{d: s.d, path: s.d.path("RecordBrowser"), name: name, kind: wire.Type(kind)}
	s.d.seekers[k.path] = k
	if err := s.d.conn.Export(k, k.path, browserFace); err != nil {
		return "", dbusError(err)
	}
	time.AfterFunc(time.Millisecond, k.begin)
	return k.path, nil
}

func dbusError(err error) *dbus.Error {
	if err == nil {
		return nil
	}
	return dbus.MakeFailedError(err)
}

// seeker is a record browser.
type seeker struct {
	d    *daemon
	path dbus.ObjectPath
	name string
	kind wire.Type
	told bool // what the cache held when it began
}

func (k *seeker) Free() *dbus.Error {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	delete(k.d.seekers, k.path)
	return nil
}

// begin tells what the cache holds, and a second later that this is all.
func (k *seeker) begin() {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	k.told = true
	for _, r := range k.d.records {
		k.tell("ItemNew", r)
	}
	k.d.say(k.d.owner, k.path, browserFace+".CacheExhausted")
	time.AfterFunc(time.Second, func() {
		k.d.mu.Lock()
		defer k.d.mu.Unlock()
		if k.d.seekers[k.path] == k {
			k.d.say(k.d.owner, k.path, browserFace+".AllForNow")
		}
	})
}

func (k *seeker) tell(what string, r heard) {
	if k.told && k.d.seekers[k.path] == k && strings.EqualFold(k.name, r.name) && k.kind == r.kind {
		k.d.say(k.d.owner, k.path, browserFace+"."+what, r.link, r.proto, r.name, uint16(1), uint16(r.kind), []byte(r.data), r.flags)
	}
}

// hear puts records into the cache, forget takes them out.
func (d *daemon) hear(records ...heard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range records {
		d.records = append(d.records, r)
		for _, k := range d.seekers {
			k.tell("ItemNew", r)
		}
	}
}

func (d *daemon) forget(records ...heard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range records {
		for i, x := range d.records {
			if x == r {
				d.records = append(d.records[:i:i], d.records[i+1:]...)
				break
			}
		}
		for _, k := range d.seekers {
			k.tell("ItemRemove", r)
		}
	}
}

// stop ends the daemon, begin starts it with an empty cache.
func (d *daemon) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.owner
	d.owner, d.records = "", nil
	clear(d.groups)
	clear(d.seekers)
	d.say(busName, "/org/freedesktop/DBus", busName+".NameOwnerChanged", avahiName, was, "")
}

func (d *daemon) begin(owner string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owner = owner
	d.say(busName, "/org/freedesktop/DBus", busName+".NameOwnerChanged", avahiName, "", owner)
}

// fakeGroup is an entry group.
type fakeGroup struct {
	d       *daemon
	path    dbus.ObjectPath
	names   []string // presentation, of what must be unique
	iface   int32
	service string // instance label
	host    string
	port    uint16
	txt     []string
	addrs   []string
	shared  bool
	state   int32
}

func (g *fakeGroup) AddAddress(_, _ int32, flags uint32, name, addr string) *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.names, g.addrs = append(g.names, name), append(g.addrs, addr)
	return g.d.check("AddAddress", flags, name, addr)
}

func (g *fakeGroup) AddService(iface, _ int32, _ uint32, name, kind, domain, host string, port uint16, txt [][]byte) *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.iface, g.service, g.host, g.port, g.txt = iface, name, host, port, texts(txt)
	g.names = append(g.names, presentation(name)+"."+kind+"."+domain)
	for _, other := range g.d.groups {
		if other != g && other.iface == iface && other.service == name && other.state != 0 {
			return &dbus.Error{Name: errCollision}
		}
	}
	return g.d.check("AddService", iface, name, host, port, g.txt)
}

func (g *fakeGroup) AddRecord(_, _ int32, flags uint32, name string, class, kind uint16, ttl uint32, data []byte) *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.shared = true
	return g.d.check("AddRecord", flags, name, class, kind, ttl, fmt.Sprintf("%q", data))
}

func (g *fakeGroup) UpdateServiceTxt(_, _ int32, _ uint32, name, _, _ string, txt [][]byte) *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.txt = texts(txt)
	return g.d.check("UpdateServiceTxt", name, g.txt)
}

func texts(txt [][]byte) []string {
	var out []string
	for _, b := range txt {
		out = append(out, string(b))
	}
	return out
}

// Commit begins to probe; what comes of it is told 800 ms later.
func (g *fakeGroup) Commit() *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.state = 1
	time.AfterFunc(800*time.Millisecond, func() {
		g.d.mu.Lock()
		defer g.d.mu.Unlock()
		if g.d.groups[g.path] != g {
			return
		}
		g.state = groupEstablished
		for _, name := range g.names {
			if g.d.taken[name] || g.d.taken["*"] {
				g.state = groupCollision
			}
		}
		g.d.say(g.d.owner, g.path, groupFace+".StateChanged", g.state, "")
	})
	return g.d.check("Commit")
}

func (g *fakeGroup) Free() *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	delete(g.d.groups, g.path)
	g.d.log = append(g.d.log, "Free "+g.service)
	return nil
}

// services are the names of the services that are registered now.
func (d *daemon) services() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.groups {
		if g.service != "" {
			out = append(out, fmt.Sprintf("%s %s %d %v", g.service, g.host, g.port, g.txt))
		}
	}
	return out
}

// count counts the calls of a method.
func (d *daemon) count(method string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.log {
		if strings.HasPrefix(l+" ", method+" ") {
			n++
		}
	}
	return n
}

// eth0 is the one link of most tests.
var eth0 = link.Info{ID: 2, Name: "eth0", MTU: 1500, Addrs: []netip.Prefix{
	netip.MustParsePrefix("10.77.0.1/16"), netip.MustParsePrefix("fe80::1/64"),
}}

// rig is a node with its daemon.
type rig struct {
	*testing.T
	*Node
	d     *daemon
	links chan []link.Info
}

// inBubble runs f in virtual time with a node alice@plume-abcd on eth0.
func inBubble(t *testing.T, change func(*Config), f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon()
		r := &rig{T: t, d: d, links: make(chan []link.Info)}
		c := Config{User: "alice", Machine: "plume-abcd", Port: 5299, Dial: d.dial, Links: r.follow}
		if change != nil {
			change(&c)
		}
		n, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		r.Node = n
		r.links <- []link.Info{eth0}
		synctest.Wait()
		f(r)
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		time.Sleep(2 * time.Minute) // what hangs in the daemon ends
		d.mu.Lock()
		_ = d.conn.Close()
		d.mu.Unlock()
	})
}

func (r *rig) follow(ctx context.Context, changed func([]link.Info)) error {
	for {
		select {
		case l := <-r.links:
			changed(l)
		case <-ctx.Done():
			return nil
		}
	}
}

// wait lets d pass.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// events are those since the last call, as words.
func (r *rig) events() (out []string) {
	synctest.Wait()
	for {
		select {
		case ev := <-r.Events():
			out = append(out, describe(ev))
		default:
			return out
		}
	}
}

func describe(ev mdns.Event) string {
	status, _ := ev.Peer.Text.Get("status")
	switch ev.Kind {
	case mdns.Joined:
		return "joined " + ev.Peer.Key + " " + status
	case mdns.Changed:
		return "changed " + ev.Peer.Key + " " + status
	case mdns.Left:
		return "left " + ev.Peer.Key + " " + ev.Cause
	case mdns.Renamed:
		return "renamed " + ev.Name
	case mdns.Overload:
		return fmt.Sprintf("overload %d", ev.Shed)
	}
	return "resync"
}

// someone makes the records of an instance on eth0, both families.
func someone(label, host, addr string, txt ...string) (ptr, rest []heard) {
	instance, err := service.Child(label)
	if err != nil {
		panic(err)
	}
	target := wire.MustName(host, "local")
	owner := presentation(instance.Labels()...)
	var data strings.Builder
	for _, s := range txt {
		data.WriteByte(byte(len(s)))
		data.WriteString(s)
	}
	srv := string(target.AppendWire([]byte{0, 0, 0, 0, 0x14, 0xb2})) // port 5298
	for proto := range int32(2) {
		ptr = append(ptr, heard{2, proto, "_presence._tcp.local", wire.TypePTR, string(instance.AppendWire(nil)), 4})
		rest = append(rest,
			heard{2, proto, owner, wire.TypeTXT, data.String(), 4},
			heard{2, proto, owner, wire.TypeSRV, srv, 4},
			heard{2, proto, host + ".local", wire.TypeA, string(netip.MustParseAddr(addr).AsSlice()), 4})
	}
	return ptr, rest
}

// text makes the TXT record of an instance, one for each family.
func text(records []heard, txt string) []heard {
	var out []heard
	for _, r := range records {
		if r.kind == wire.TypeTXT {
			r.data = string(rune(len(txt))) + txt
			out = append(out, r)
		}
	}
	return out
}
