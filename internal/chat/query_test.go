package chat

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Status tells where the node can be dialled (cli.md, status: address).
func TestAddressesOf(t *testing.T) {
	got := addressesOf([]Interface{
		{Name: "eth0", Addresses: []string{"10.77.0.2/16", "fe80::2/64", "2001:db8::2/64"}},
		{Name: "odd", Addresses: []string{"no address"}},
	}, 41873)
	want := []string{"10.77.0.2:41873", "[fe80::2%eth0]:41873", "[2001:db8::2]:41873"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := addressesOf(nil, 1); len(got) != 0 {
		t.Errorf("without an interface: %v", got)
	}
}
