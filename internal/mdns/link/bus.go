package link

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Bus is one LAN in memory. It is safe for use inside a testing/synctest
// bubble when made there. All methods may be called at any time; the exported
// fields are set before the first Attach.
type Bus struct {
	// MTU of the links; 0 means 1500.
	MTU int
	// Filter decides about each copy of a packet, ours to ourselves included;
	// nil delivers all at once. Change it later with SetFilter.
	Filter func(from, to netip.Addr, data []byte) (deliver bool, delay time.Duration)
	// Copies, when set, is asked how many times a packet that Filter lets
	// through arrives; the second copy takes the delay of a second Filter
	// call, and so on.
	Copies func(from, to netip.Addr, data []byte) int

	mu sync.Mutex
}

// Sent is a packet as it was handed to the bus.
type Sent struct {
	From, To netip.AddrPort
	Data     []byte
}

// NewBus makes an empty LAN.
func NewBus() *Bus { return &Bus{} }

// SetFilter replaces Filter while the bus is in use.
func (b *Bus) SetFilter(f func(from, to netip.Addr, data []byte) (bool, time.Duration)) {}

// SetTap makes f see every packet when it is sent, before Filter. f must not
// call the bus and may keep Data.
func (b *Bus) SetTap(f func(Sent)) {}

// Attach makes a host with one link on the bus. The link has the given
// addresses.
func (b *Bus) Attach(addrs ...netip.Prefix) *Host { return &Host{} }

// Inject sends a packet from an address that need not be attached: a legacy
// querier, or an attacker. A zero dst means the group of src's family.
func (b *Bus) Inject(src, dst netip.AddrPort, data []byte) {}

// Oversized returns how many packets sent were larger than the MTU allows
// without fragments.
func (b *Bus) Oversized() int { return 0 }

// Host is a machine on one or more buses; it is the Source for its node.
type Host struct {
	mu sync.Mutex
}

var _ Source = (*Host)(nil)

// Run implements Source.
func (h *Host) Run(ctx context.Context, hd Handler) error { return nil }

// Send implements Source.
func (h *Host) Send(id ID, dst netip.AddrPort, data []byte) error { return nil }

// Unicast implements Source: true unless SetUnicast(false) came before.
func (h *Host) Unicast() bool { return true }

// SetUnicast says whether unicast packets reach this host.
func (h *Host) SetUnicast(on bool) {}

// Links returns the ids of the links, in the order in which they were added.
func (h *Host) Links() []ID { return nil }

// Join adds a link on b, which may be another bus or the same again.
func (h *Host) Join(b *Bus, addrs ...netip.Prefix) ID { return 0 }

// Down takes a link away, as a pulled cable does.
func (h *Host) Down(id ID) {}

// Up brings a link back after Down.
func (h *Host) Up(id ID) {}

// SetAddrs changes the addresses of a link.
func (h *Host) SetAddrs(id ID, addrs ...netip.Prefix) {}
