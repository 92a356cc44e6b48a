package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/profile"
	"llchat/internal/stream"
	"llchat/internal/trust"
)

// ErrLocked is Open's error when another node holds the profile.
var ErrLocked = profile.ErrLocked

// maxDials bounds the dials under way at once (L-26).
const maxDials = 16

// trustFile is the pin store in the profile.
const trustFile = "trust"

const hintContactsGone = "take your backup in: llchat restore FILE; or put back a copy of this file; only if you have neither, move the files " +
	historyFile + "* away and begin without contacts and history"

// Visibility words (spec 3): open publishes nick and status, quiet only
// constants under generated names.
const (
	VisibleOpen  = "open"
	VisibleQuiet = "quiet"
)

// Policies for keys the user has not accepted (spec 5.5).
const (
	StrangersAsk    = "ask"
	StrangersAccept = "accept"
	StrangersRefuse = "refuse"
)

// Open starts a node on a profile and returns at once; Ready waits until it
// can be found. A profile that cannot be trusted (owner, mode, corruption) is
// an error and nothing is sent.
func Open(ctx context.Context, opt Options) (*Node, error) {
	n := &Node{
		opt:   opt,
		log:   opt.Log,
		hub:   newHub(),
		inbox: make(chan func(), inboxSize),
		ended: make(chan struct{}),
		dials: make(chan struct{}, maxDials),
		ready: make(chan struct{}),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	n.state = state{
		started: time.Now(),
		claims:  map[string]*peer.Claim{},
		owner:   map[string]identity.Pin{},
		owned:   map[identity.Pin]map[string]struct{}{},
		remotes: map[identity.Pin]*remote{},
		rows:    map[string]shownRow{},
		dirty:   map[rowID]struct{}{},
		noticed: map[identity.Pin]time.Time{},
		refused: map[string]time.Time{},
		firsts:  map[string]chan struct{}{},
		lapse:   map[string]time.Time{},
		newKeys: rate{most: maxNewKeys, per: time.Hour},
	}
	if err := n.open(ctx); err != nil {
		n.abandon()
		return nil, err
	}
	return n, nil
}

// open does the steps in the order in which a failure must stop the next.
func (n *Node) open(ctx context.Context) error {
	if err := n.openProfile(); err != nil {
		return err
	}
	if err := n.openNetwork(); err != nil {
		return err
	}
	listeners, err := n.listen(ctx)
	if err != nil {
		return err
	}
	n.openStreams()
	if err := n.openDiscovery(); err != nil {
		closeAll(listeners)
		return err
	}
	if err := n.recall(); err != nil {
		closeAll(listeners)
		return err
	}
	n.hear(listeners)
	n.start(n.run)
	n.post(n.publish)
	n.post(n.tendDomain)
	n.post(n.finishAccepts)
	n.post(n.finishPartings)
	n.post(n.retryAll)
	n.post(n.dialAdded)
	n.post(n.sweep)
	return nil
}

// abandon releases what a failed Open had taken.
func (n *Node) abandon() {
	n.cancel()
	n.work.Wait()
	if d := n.disc.Load(); d != nil {
		_ = d.Close()
	}
	if n.hist != nil {
		_ = n.hist.Close()
	}
	if n.prof != nil {
		_ = n.prof.Close()
	}
}

func (n *Node) openProfile() (err error) {
	if n.prof, err = takeProfile(n.opt); err != nil {
		return err
	}
	var created bool
	if n.id, created, err = identity.Load(n.prof); errors.Is(err, profile.ErrSealed) {
		return ErrProfileLocked
	} else if err != nil {
		return fmt.Errorf("%s: %w", n.prof.Path("identity"), err)
	}
	if created {
		n.log.Info("Identity made")
	}
	if n.trust, err = trust.Open(n.prof); err != nil {
		return fmt.Errorf("%s: %w", n.prof.Path(trustFile), err)
	}
	if err := n.openHistory(); err != nil {
		return err
	}
	if err := n.contactsGone(); err != nil {
		return err
	}
	return n.openSettings()
}

// contactsGone refuses a profile whose pin store got lost (P-26): without it all
// contacts would be strangers, and the next send would pin whoever has the name.
// The file is there from the first contact on, also when none is left; so what
// shows the loss is a conversation, which only contacts have.
func (n *Node) contactsGone() error {
	if n.has(trustFile) {
		return nil
	}
	with, err := n.hist.Peers()
	if err != nil || len(with) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", n.prof.Path(trustFile), &trust.FileError{
		Problem: "the file is gone, though the history holds conversations with contacts",
		Hint:    hintContactsGone,
	})
}

// takeProfile opens and locks the profile that the options name.
func takeProfile(opt Options) (*profile.Profile, error) {
	var p *profile.Profile
	var err error
	if opt.Held != nil {
		return opt.Held.p, nil
	}
	if opt.Temporary {
		p, err = profile.Temporary()
	} else {
		p, err = openProfile(opt.Profile)
	}
	if err != nil {
		return nil, err
	}
	if err := p.Lock(); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

func openProfile(nameOrDir string) (*profile.Profile, error) {
	dir, err := profile.Dir(nameOrDir)
	if err != nil {
		return nil, err
	}
	return profile.Open(dir)
}

// openSettings reads the settings, applies the options over them, and makes
// the names that llchat generates (spec 3).
func (n *Node) openSettings() error {
	s, err := n.prof.Settings()
	if err != nil {
		return err
	}
	for _, o := range []struct {
		from string
		to   *string
	}{{n.opt.Nick, &s.Nick}, {n.opt.Visibility, &s.Visibility}, {n.opt.Strangers, &s.Strangers}, {n.opt.MDNS, &s.MDNS}} {
		if o.from != "" {
			*o.to = o.from
		}
	}
	withDefaults(&s)
	if err := checkSettings(s); err != nil {
		return err
	}
	if s.Machine == "" {
		s.Machine = mdns.Machine(rand.Reader)
	}
	n.settings = s
	return n.prof.SaveSettings(s)
}

// openNetwork takes the real network unless the options bring one.
func (n *Node) openNetwork() error {
	if n.opt.Network != nil {
		n.net = *n.opt.Network
		return nil
	}
	var err error
	n.net, err = realNetwork(n.opt.Interfaces)
	return err
}

// listen opens the stream port: the one kept in the profile, or a new one
// when that is taken (spec 3). A quiet node has a new one at every start.
func (n *Node) listen(ctx context.Context) ([]net.Listener, error) {
	if n.opt.Passive {
		return nil, nil
	}
	want := n.wantPort()
	listeners, port, err := n.net.Listen(ctx, want)
	if err != nil && want != 0 && n.opt.Port == 0 {
		listeners, port, err = n.net.Listen(ctx, 0)
	}
	if err != nil {
		return nil, &Error{
			Code: CodeError,
			Text: fmt.Sprintf("listen on port %d: %v", want, err),
			Hint: "another program has this port: choose another with --port",
		}
	}
	n.port = port
	if n.settings.Visibility == VisibleOpen && n.settings.Port != port {
		n.settings.Port = port
		err = n.prof.SaveSettings(n.settings)
	}
	if err != nil {
		closeAll(listeners)
	}
	return listeners, err
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

func (n *Node) openStreams() {
	n.settlePrelude()
	user, machine := mdns.Word(rand.Reader), n.settings.Machine
	if !n.opt.Hold || n.settings.Nick != "" {
		user, machine = n.ownNames()
	}
	if !n.ghost() {
		n.names.add(mdns.InstanceName(user, machine))
	}
	n.streams = stream.NewNode(stream.Config{
		Identity:    n.id,
		Names:       n.names.both,
		Admit:       n.admit,
		Handler:     (*handler)(n),
		Known:       n.names.known,
		Serves:      servesNamespace,
		Features:    ourFeatures,
		Acked:       n.acked,
		AckLate:     n.ackLate,
		FullPrelude: n.fullPrelude.Load,
		Wire:        n.opt.Wire,
		Log:         n.log,
	})
}

// ownNames returns the user and machine part to publish: kept ones in the
// open profile, new words at every start in the quiet one (spec 3).
func (n *Node) ownNames() (user, machine string) {
	if n.settings.Visibility != VisibleOpen {
		return mdns.Word(rand.Reader), mdns.Machine(rand.Reader)
	}
	s := &n.settings
	switch base := mdns.UserPart(s.Nick); {
	case base == "" && s.User == "":
		s.User = mdns.Word(rand.Reader)
		if err := n.prof.SaveSettings(*s); err != nil {
			n.log.Error("Name not kept", "err", err)
		}
	case base != "" && s.User != base && !strings.HasPrefix(s.User, base+"-"):
		s.User = base // the nick changed; a kept rename such as ada-1 stays
	}
	return s.User, s.Machine
}

// recall brings back what the disk knows: contacts, requests, outboxes.
func (n *Node) recall() error {
	for _, c := range n.trust.All() {
		n.remote(c.Pin)
		n.touch(c.Pin)
	}
	n.rebind()
	if err := errors.Join(n.readAdded(), n.recallAvatars()); err != nil {
		return err
	}
	requests, err := n.hist.Requests()
	if err != nil {
		return err
	}
	for _, r := range requests {
		n.remote(r.Pin).request = &r
		n.touch(r.Pin)
	}
	return nil
}

// Ready waits until the node can be found and dialled.
func (n *Node) Ready(ctx context.Context) (Status, error) {
	select {
	case <-n.ready:
		return n.Status(ctx)
	case <-ctx.Done():
		return Status{}, ctx.Err()
	case <-n.ctx.Done():
		return Status{}, ErrEnded
	}
}

// ownNames is what we are called: read by streams in their own goroutines.
type ownNames struct {
	mu      sync.Mutex // guards the following
	current string
	borne   map[string]struct{} // every name since start, folded
	pins    map[string]struct{} // claim keys of contacts, never evicted
	hosts   map[netip.Addr]struct{}
	streams map[string]struct{} // instance names of contacts with a live stream
	domain  map[string]struct{} // what we are or were called in the domain, folded
}

// alias is a name that we bear beside the present one.
func (o *ownNames) alias(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.borne[peer.Fold(name)] = struct{}{}
}

// addInDomain notes names of ours in the domain.
func (o *ownNames) addInDomain(names ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.domain == nil {
		o.domain = map[string]struct{}{}
	}
	for _, name := range names {
		if name != "" {
			o.domain[peer.Fold(name)] = struct{}{}
		}
	}
}

// inDomain is dnssd.Config.Ours.
func (o *ownNames) inDomain(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.domain[key]
	return ok
}

func (o *ownNames) add(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.borne == nil {
		o.borne = map[string]struct{}{}
	}
	o.current = name
	o.borne[peer.Fold(name)] = struct{}{}
}

func (o *ownNames) now() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.current
}

// both is stream.Config.Names.
func (o *ownNames) both() (string, func(string) bool) {
	return o.now(), func(name string) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		_, ok := o.borne[peer.Fold(name)]
		return ok
	}
}

// setContacts keeps what discovery and streams ask about contacts.
func (o *ownNames) setContacts(all []trust.Contact) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pins, o.hosts = map[string]struct{}{}, map[netip.Addr]struct{}{}
	for _, c := range all {
		for _, name := range c.Names {
			o.pins[peer.Kept(name)] = struct{}{}
		}
		for _, s := range c.LastAddrs {
			if a, err := netip.ParseAddrPort(s); err == nil {
				o.hosts[a.Addr().Unmap()] = struct{}{}
			}
		}
	}
}

func (o *ownNames) setLive(names map[string]struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.streams = names
}

// live is mdns.Config.Live.
func (o *ownNames) live(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.streams[key]
	return ok
}

// pinned is mdns.Config.Pinned: names whose records no flood may push out.
func (o *ownNames) pinned(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.pins[peer.Kept(key)]
	return ok
}

// known is stream.Config.Known: hosts for which a few connections are kept
// free (L-02).
func (o *ownNames) known(a netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.hosts[a.Unmap()]
	return ok
}
