package dnssd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	udpSize  = 1232 // EDNS buffer that passes every link unfragmented (RFC 9715 3)
	udpTries = 2
	udpWait  = 2 * time.Second
	tcpWait  = 5 * time.Second
	maxUDP   = 4096 // octets of a datagram looked at; we asked for less
)

// asker asks name servers. It is safe for concurrent use.
type asker struct {
	dial    DialFunc
	servers func() ([]netip.AddrPort, error)
	pace    *pace
	last    atomic.Uint32 // the server that answered last is asked first
}

func newAsker(dial DialFunc, servers []netip.AddrPort, p *pace) *asker {
	if dial == nil {
		dial = dialReal
	}
	a := &asker{dial: dial, pace: p, servers: func() ([]netip.AddrPort, error) { return servers, nil }}
	if len(servers) == 0 {
		a.servers = func() ([]netip.AddrPort, error) { return systemServers(resolvConf) }
	}
	return a
}

func dialReal(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, to.String())
}

// ask puts a question to one server after the other until one answers. That a
// name does not exist is an answer, not an error.
func (a *asker) ask(ctx context.Context, name string, kind uint16) (*answer, error) {
	servers, err := a.servers()
	if err != nil {
		return nil, err
	}
	first := int(a.last.Load())
	var failures []error
	for i := range servers {
		n := (first + i) % len(servers)
		ans, err := a.askOne(ctx, servers[n], name, kind)
		if err == nil {
			a.last.Store(uint32(n))
			return ans, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failures = append(failures, questionError(servers[n], name, kind, err))
	}
	if len(failures) == 1 {
		return nil, failures[0]
	}
	return nil, errors.Join(failures...)
}

func questionError(server netip.AddrPort, name string, kind uint16, err error) error {
	what := dns.TypeToString[kind] + " " + strings.TrimSuffix(name, ".")
	return &Error{Op: "ask", Server: server, What: what, Err: plain(err), Hint: hint("ask", err)}
}

// plain leaves out what package net says about the socket: which server it is
// about stands in the Error already.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// askOne asks one server, by UDP first, by TCP when that is cut.
func (a *asker) askOne(ctx context.Context, server netip.AddrPort, name string, kind uint16) (*answer, error) {
	reply, err := a.exchange(ctx, server, name, kind, true)
	if err != nil {
		return nil, err
	}
	if reply.Rcode == dns.RcodeFormatError || reply.Rcode == dns.RcodeNotImplemented {
		// A server older than EDNS (RFC 6891 7).
		if reply, err = a.exchange(ctx, server, name, kind, false); err != nil {
			return nil, err
		}
	}
	return newAnswer(reply)
}

func (a *asker) exchange(ctx context.Context, server netip.AddrPort, name string, kind uint16, edns bool) (*dns.Msg, error) {
	var reply *dns.Msg
	var err error
	for range udpTries {
		reply, err = a.once(ctx, "udp", server, question(name, kind, edns))
		if err == nil || !isTimeout(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil || !reply.Truncated {
		return reply, err
	}
	return a.once(ctx, "tcp", server, question(name, kind, edns))
}

func question(name string, kind uint16, edns bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// once sends a question and waits for the reply to it.
func (a *asker) once(ctx context.Context, network string, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	packed, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := a.pace.wait(ctx); err != nil {
		return nil, err
	}
	_, reply, err := transact(ctx, a.dial, network, server, packed, func(raw []byte) (*dns.Msg, bool) {
		return parseReply(raw, q)
	})
	return reply, err
}

// transact sends a packed message and returns the first reply that is taken.
// Datagrams that are not are passed over until time is up: anybody can send
// one. On TCP there is nothing to pass over.
func transact(ctx context.Context, dial DialFunc, network string, to netip.AddrPort, packed []byte,
	take func(raw []byte) (*dns.Msg, bool),
) (raw []byte, reply *dns.Msg, err error) {
	wait := udpWait
	if network == "tcp" {
		wait = tcpWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := dial(ctx, network, to)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	// Ends reads and writes when ctx does, whichever way it ends.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := send(conn, network, packed); err != nil {
		return nil, nil, err
	}
	malformed := false
	for {
		raw, err := receive(conn, network)
		if err != nil {
			switch {
			case malformed && isTimeout(err):
				return nil, nil, errMalformed
			case isTimeout(err):
				return nil, nil, noAnswer{}
			}
			return nil, nil, err
		}
		if reply, ok := take(raw); ok {
			return raw, reply, nil
		}
		if malformed = true; network == "tcp" {
			return nil, nil, errMalformed
		}
	}
}

func send(conn net.Conn, network string, packed []byte) error {
	if network == "tcp" {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	_, err := conn.Write(packed)
	return err
}

func receive(conn net.Conn, network string) ([]byte, error) {
	if network != "tcp" {
		buf := make([]byte, maxUDP)
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}

// parseReply takes a message that is the reply to q: same id, same question.
// Anything else may come from somebody who guesses. A reply whose records do
// not fit is taken when it says so itself.
func parseReply(raw []byte, q *dns.Msg) (*dns.Msg, bool) {
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil && !m.Truncated {
		return nil, false
	}
	if m.Id != q.Id || !m.Response || m.Opcode != q.Opcode {
		return nil, false
	}
	if len(m.Question) == 0 {
		// Servers that did not understand may leave the question out.
		return m, m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
	}
	got, want := m.Question[0], q.Question[0]
	return m, len(m.Question) == 1 && same(got.Name, want.Name) && got.Qtype == want.Qtype && got.Qclass == want.Qclass
}
