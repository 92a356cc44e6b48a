package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// rules makes a rule set as nft prints it, of chains and rules in JSON.
func rules(t *testing.T, list ...string) *ruleset {
	t.Helper()
	r, err := parseRules([]byte(`{"nftables":[{"metainfo":{"json_schema_version":1}},{"table":{"family":"inet","name":"fw"}},` + strings.Join(list, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func input(policy string) string {
	return fmt.Sprintf(`{"chain":{"family":"inet","table":"fw","name":"in","type":"filter","hook":"input","prio":0,"policy":%q}}`, policy)
}

func side(name string) string {
	return fmt.Sprintf(`{"chain":{"family":"inet","table":"fw","name":%q}}`, name)
}

func rule(chain string, expr ...string) string {
	return fmt.Sprintf(`{"rule":{"family":"inet","table":"fw","chain":%q,"expr":[%s]}}`, chain, strings.Join(expr, ","))
}

func is(left, op, right string) string {
	return fmt.Sprintf(`{"match":{"op":%q,"left":%s,"right":%s}}`, op, left, right)
}

const (
	accept     = `{"accept":null}`
	drop       = `{"drop":null}`
	udpDport   = `{"payload":{"protocol":"udp","field":"dport"}}`
	tcpDport   = `{"payload":{"protocol":"tcp","field":"dport"}}`
	tcpFlags   = `{"payload":{"protocol":"tcp","field":"flags"}}`
	iifname    = `{"meta":{"key":"iifname"}}`
	ctState    = `{"ct":{"key":"state"}}`
	l4proto    = `{"meta":{"key":"l4proto"}}`
	saddr      = `{"payload":{"protocol":"ip","field":"saddr"}}`
	saddr6     = `{"payload":{"protocol":"ip6","field":"saddr"}}`
	counter    = `{"counter":{"packets":1,"bytes":2}}`
	jumpToSide = `{"jump":{"target":"side"}}`
)

func TestRules(t *testing.T) {
	udp := arrival{iface: "eth0", protocol: "udp", four: true, port: 5353}
	tcp := arrival{iface: "eth0", protocol: "tcp", four: true, port: 4321}
	six := arrival{iface: "eth0", protocol: "udp", port: 5353}
	from := arrival{iface: "eth0", protocol: "udp", four: true, port: 5353, src: netip.MustParseAddr("10.1.2.3")}
	tests := []struct {
		name string
		list []string
		a    arrival
		want verdict
	}{
		{"no rules", []string{input("accept")}, udp, passes},
		{"policy", []string{input("drop")}, udp, drops},
		{"its port dropped", []string{input("accept"), rule("in", is(udpDport, "==", "5353"), counter, drop)}, udp, drops},
		{"its port rejected", []string{input("accept"), rule("in", is(udpDport, "==", "5353"), `{"reject":{}}`)}, udp, drops},
		{"another protocol's port", []string{input("accept"), rule("in", is(udpDport, "==", "5353"), drop)}, tcp, passes},
		{"not another protocol's port", []string{input("accept"), rule("in", is(udpDport, "!=", "53"), drop)}, tcp, passes},
		{"all ports but one", []string{input("accept"), rule("in", is(udpDport, "!=", "53"), drop)}, udp, drops},
		{"set", []string{input("drop"), rule("in", is(udpDport, "==", `{"set":[67,5353]}`), accept)}, udp, passes},
		{"range in a set", []string{input("drop"), rule("in", is(tcpDport, "==", `{"set":[22,{"range":[4000,5000]}]}`), accept)}, tcp, passes},
		{"outside a range", []string{input("drop"), rule("in", is(tcpDport, "==", `{"range":[1,1023]}`), accept)}, tcp, drops},
		{"only loopback and answers", []string{
			input("drop"), rule("in", is(iifname, "==", `"lo"`), accept), rule("in", is(ctState, "in", `["established","related"]`), accept),
		}, tcp, drops},
		{"new conversations too", []string{input("drop"), rule("in", is(ctState, "in", `["established","new"]`), accept)}, tcp, passes},
		{"interfaces by their beginning", []string{input("drop"), rule("in", is(iifname, "==", `"eth*"`), accept)}, udp, passes},
		{"protocols", []string{input("drop"), rule("in", is(l4proto, "==", `{"set":["icmp","udp"]}`), accept)}, udp, passes},
		{"protocol by number", []string{input("drop"), rule("in", is(l4proto, "==", `17`), accept)}, udp, passes},
		{"flags", []string{input("accept"), rule("in", is(tcpFlags, "in", `"syn"`), drop)}, tcp, drops},
		{"flags behind a mask", []string{input("accept"), rule("in", is(`{"&":[`+tcpFlags+`,["fin","syn","rst","ack"]]}`, "==", `"syn"`), drop)}, tcp, drops},
		{"from a network", []string{input("drop"), rule("in", is(saddr, "==", `{"prefix":{"addr":"10.0.0.0","len":8}}`), accept)}, from, passes},
		{"from another network", []string{input("drop"), rule("in", is(saddr, "==", `{"prefix":{"addr":"172.16.0.0","len":12}}`), accept)}, from, drops},
		{"from whom it is not known", []string{input("drop"), rule("in", is(saddr, "==", `{"prefix":{"addr":"10.0.0.0","len":8}}`), accept)}, udp, unsure},
		{"the other family", []string{input("drop"), rule("in", is(saddr6, "==", `"::1"`), accept)}, udp, drops},
		{"jump", []string{input("drop"), side("side"), rule("in", jumpToSide), rule("side", is(udpDport, "==", "5353"), accept)}, udp, passes},
		{"jump and return", []string{
			input("accept"), side("side"), rule("in", jumpToSide), rule("side", `{"return":null}`), rule("side", drop),
		}, udp, passes},
		{"jump and back", []string{input("drop"), side("side"), rule("in", jumpToSide), rule("side", is(tcpDport, "==", "1"), accept)}, udp, drops},
		{"goto and no way back", []string{input("drop"), side("side"), rule("in", `{"goto":{"target":"side"}}`), rule("in", accept)}, udp, drops},
		{"return from the first chain", []string{input("drop"), rule("in", `{"return":null}`), rule("in", accept)}, udp, drops},
		{"jump into nothing", []string{input("drop"), rule("in", jumpToSide)}, udp, unsure},
		{"chains that call each other", []string{input("accept"), side("side"), rule("in", jumpToSide), rule("side", jumpToSide)}, udp, unsure},
		{"a limit", []string{input("drop"), rule("in", `{"limit":{"rate":3}}`, accept)}, udp, unsure},
		{"a doubt that changes nothing", []string{input("accept"), rule("in", `{"xt":null}`, counter)}, udp, passes},
		{"a doubt in a chain below", []string{input("drop"), side("side"), rule("in", jumpToSide), rule("side", `{"xt":null}`, accept)}, udp, unsure},
		{"a named set", []string{input("drop"), rule("in", is(udpDport, "==", `"@ports"`), accept)}, udp, unsure},
		{"a map of verdicts", []string{input("drop"), rule("in", `{"vmap":{}}`)}, udp, unsure},
		{"its family's table", []string{`{"chain":{"family":"ip","table":"f","name":"INPUT","hook":"input","policy":"drop"}}`}, udp, drops},
		{"the other family's table", []string{`{"chain":{"family":"ip","table":"f","name":"INPUT","hook":"input","policy":"drop"}}`}, six, passes},
		{"what goes out", []string{`{"chain":{"family":"inet","table":"fw","name":"out","hook":"output","policy":"drop"}}`}, udp, passes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, c := rules(t, tt.list...).judge(tt.a)
			if got != tt.want || (c != nil) != (tt.want == drops) {
				t.Errorf("judge = %v in %v, want %v", got, c, tt.want)
			}
		})
	}
}

func TestRules_Bad(t *testing.T) {
	for _, text := range []string{"", "nft: permission denied", `{"nftables":{}}`} {
		if _, err := parseRules([]byte(text)); err == nil {
			t.Errorf("parseRules(%q) gave no error", text)
		}
	}
	r, err := parseRules([]byte(`{"nftables":[{"rule":{"family":"inet","table":"x","chain":"gone","expr":[{"drop":null}]}},{"chain":{"family":"inet","table":"x","name":"in","hook":"input","policy":"accept"}},
		{"rule":{"family":"inet","table":"x","chain":"in","expr":[{"match":7},{"drop":null}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := r.judge(arrival{protocol: "udp", port: 1}); v != unsure {
		t.Errorf("a match that is no match: %v", v)
	}
}
