//go:build unix

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// serve answers for api until the test or end ends.
func serve(t *testing.T, api chat.API) (path string, end func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path = filepath.Join(dir, "control.sock")
	return path, serveAt(t, path, api)
}

// serveAt is serve at a place that is there.
func serveAt(t *testing.T, path string, api chat.API) (end func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, api) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		_ = l.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(end)
	return end
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw is a front-end that writes what it likes.
type raw struct {
	*net.UnixConn
	in *bufio.Reader
}

func dialRaw(t *testing.T, path string) raw {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return raw{c, bufio.NewReader(c)}
}

// ask sends a line and returns the answer, or what ended the connection.
func (r raw) ask(line string) string {
	if _, err := r.Write([]byte(line + "\n")); err != nil {
		return err.Error()
	}
	return r.next()
}

func (r raw) next() string {
	got, err := r.in.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(got, "\n")
}

func TestEveryMethod(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f)
	c := dial(t, path)
	ctx := t.Context()
	if s, err := c.Status(ctx); err != nil || s.Nick.String() != "bob" || s.Port != 41873 || !s.Running {
		t.Errorf("status: %+v, %v", s, err)
	}
	if p, err := c.Peers(ctx); err != nil || len(p) != 1 || p[0].Instance.String() != "bob@nuc" {
		t.Errorf("peers: %+v, %v", p, err)
	}
	if r, err := c.Requests(ctx); err != nil || len(r) != 1 || r[0].Fingerprint != (identity.Pin{1}) {
		t.Errorf("requests: %+v, %v", r, err)
	}
	if m, err := c.Send(ctx, "bob", "a\nb"); err != nil || m.Body.String() != "a\nb" || m.State != chat.Queued {
		t.Errorf("send: %+v, %v", m, err)
	}
	if p, err := c.Block(ctx, "bob"); err != nil || p.Trust != chat.Blocked {
		t.Errorf("block: %+v, %v", p, err)
	}
	if m, err := c.History(ctx, "bob", 7, 50); err != nil || len(m) != 1 || m[0].Row != 7 || m[0].State != "50ns" {
		t.Errorf("history: %+v, %v", m, err)
	}
	if img, err := c.Avatar(ctx, "bob"); err != nil || string(img) != "picture of bob" {
		t.Errorf("avatar: %q, %v", img, err)
	}
	if d, err := c.Draft(ctx, "k"); err != nil || d.Text != "draft of k" || d.Reply != "7" {
		t.Errorf("draft: %+v, %v", d, err)
	}
	if err := errors.Join(c.Set(ctx, "nick", "x"), c.SetDraft(ctx, "k", chat.Writing{Text: "half", Reply: "6"}), c.Focus(ctx, "k"), c.View(ctx, []string{"k", "~l"})); err != nil {
		t.Error(err)
	}
	if p, err := c.Add(ctx, "192.0.2.7:5298"); err != nil || p.Key != "c" {
		t.Errorf("add: %+v, %v", p, err)
	}
	if p, err := c.Unblock(ctx, "bob"); err != nil || p.Key != "u" {
		t.Errorf("unblock: %+v, %v", p, err)
	}
	if p, err := c.AcceptAs(ctx, "b0d9ee10", "Robert"); err != nil || p.Key != "as" {
		t.Errorf("another person: %+v, %v", p, err)
	}
	if p, err := c.Replace(ctx, "b0d9ee10", "bob"); err != nil || p.Key != "of" {
		t.Errorf("a new key: %+v, %v", p, err)
	}
	if p, err := c.Rename(ctx, "bob", "Robert"); err != nil || p.Key != "n" {
		t.Errorf("rename: %+v, %v", p, err)
	}
	if m, err := c.Message(ctx, "bob", "7"); err != nil || m.ID != "m" {
		t.Errorf("message: %+v, %v", m, err)
	}
	if m, err := c.Export(ctx, "bob", 3, 9); err != nil || len(m) != 1 || m[0].ID != "e" {
		t.Errorf("export: %+v, %v", m, err)
	}
	if state, err := c.CheckHistory(ctx); err != nil || state != "sound" {
		t.Errorf("check: %q, %v", state, err)
	}
	if err := errors.Join(c.Forget(ctx, "bob"), c.SetPassphrase(ctx, []byte("old"), []byte("new\xff")), c.Lock(ctx), c.Unlock(ctx, []byte("old")), c.Panic(ctx)); err != nil {
		t.Error(err)
	}
	want := []string{
		"send bob a\nb", "set nick x", "draft k half 6", "focus k", "view k ~l", "add 192.0.2.7:5298",
		"unblock bob", "accept b0d9ee10 as Robert", "accept b0d9ee10 as a new key of bob", "rename bob Robert", "message bob 7", "export bob 3 9",
		"check", "forget bob", "passphrase old new\xff", "lock", "unlock old", "panic",
	}
	if d := cmp.Diff(want, f.seen()); d != "" {
		t.Error(d)
	}
}

// The manual has an example of every method.
func TestEveryMethodIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range methods {
		if !strings.Contains(string(page), `"method":"`+name+`"`) {
			t.Errorf("docs/json.md has no example of the method %s", name)
		}
	}
}

// An error comes over with its exit code, hint and candidates.
func TestErrorSurvives(t *testing.T) {
	path, _ := serve(t, &fake{})
	_, err := dial(t, path).Accept(t.Context(), "bob")
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Code != chat.CodeRefused || e.Hint != "name one" || len(e.Candidates) != 2 {
		t.Errorf("error %+v", err)
	}
}

// G-7: only for its owner.
func TestMode(t *testing.T) {
	path, end := serve(t, &fake{})
	i, err := os.Stat(path)
	if err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", i.Mode(), err)
	}
	end()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v; want no socket", err)
	}
}

// What a front-end may get wrong, and what it is told (JSON-RPC 2.0).
func TestBadRequests(t *testing.T) {
	path, _ := serve(t, &fake{})
	for _, c := range []struct{ name, line, want string }{
		{"garbage", "GET / HTTP/1.1", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}`},
		{"an empty line", "", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}`},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not UTF-8"}}`},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"status"}]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are not supported: send one request a line"}}`},
		{"a number", `7`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"not a JSON-RPC 2.0 request"}}`},
		{"another version", `{"id":1,"method":"status"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"not a JSON-RPC 2.0 request"}}`},
		{"an object as id", `{"jsonrpc":"2.0","id":{},"method":"status"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"an id is a string or a number"}}`},
		{"no method", `{"jsonrpc":"2.0","id":"x","method":"shutdown"}`, `{"jsonrpc":"2.0","id":"x","error":{"code":-32601,"message":"there is no method \"shutdown\""}}`},
		{"a wrong parameter", `{"jsonrpc":"2.0","id":1,"method":"send","params":{"to":"bob"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"parameters: json: unknown field \"to\""}}`},
		{"parameters in a list", `{"jsonrpc":"2.0","id":1,"method":"send","params":["bob"]}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"parameters: json: cannot unmarshal array into Go value of type control.params"}}`},
		{"a good one after all", `{"jsonrpc":"2.0","id":1,"method":"draft","params":{"key":"k"}}`, `{"jsonrpc":"2.0","id":1,"result":{"text":"draft of k","reply":"7"}}`},
		{"a good one with null", `{"jsonrpc":"2.0","id":2,"method":"set","params":{"key":"nick","value":"x"}}`, `{"jsonrpc":"2.0","id":2,"result":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := dialRaw(t, path).ask(c.line); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A connection goes on after a mistake, and notifications get no answer.
func TestGoesOn(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f)
	r := dialRaw(t, path)
	r.ask("garbage")
	for _, quiet := range []string{
		`{"jsonrpc":"2.0","method":"set","params":{"key":"nick","value":"y"}}`,
		`{"jsonrpc":"2.0","method":"nothing"}`,
		`{"jsonrpc":"2.0","method":"accept","params":{"who":"bob"}}`,
	} {
		if _, err := r.Write([]byte(quiet + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.ask(`{"jsonrpc":"2.0","id":9,"method":"draft","params":{"key":"k"}}`); got != `{"jsonrpc":"2.0","id":9,"result":{"text":"draft of k","reply":"7"}}` {
		t.Errorf("after notifications: %s", got)
	}
	waitFor(t, "the notification was heard", func() bool { return len(f.seen()) == 1 })
}

// G-7: 64 KiB a line; one octet more ends the connection with a reason.
func TestLineLimit(t *testing.T) {
	path, _ := serve(t, &fake{})
	frame := `{"jsonrpc":"2.0","id":1,"method":"send","params":{"who":"bob","text":""}}`
	fits := strings.Replace(frame, `""`, `"`+strings.Repeat("x", maxRequest-1-len(frame))+`"`, 1)
	if got := dialRaw(t, path).ask(fits); !strings.Contains(got, `"result"`) {
		t.Errorf("a line of %d octets: %.100s", len(fits), got)
	}
	r := dialRaw(t, path)
	go func() { _, _ = r.Write([]byte(strings.Repeat("x", 10<<20))) }() // no line feed at all
	want := `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a message has at most 64 KiB"}}`
	if got := r.next(); got != want {
		t.Errorf("10 MiB without a line feed: %s", got)
	}
	if got := r.next(); strings.HasPrefix(got, "{") {
		t.Errorf("and then %s; want the end", got)
	}
}

// Whatever a message may hold goes through the socket; what it may not is refused
// before, with the limit that is reached.
func TestMessagesFit(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f)
	c := dial(t, path)
	const most = 32 << 10
	for _, sign := range []string{"<", "&", ">", `"`, `\`, "\n", "\u2028", "\u00e9", "\U0001f44d", "x"} {
		text := "x" + strings.Repeat(sign, (12000-1)/len(sign))
		if m, err := c.Send(t.Context(), "bob", text); err != nil || f.last() != "send bob "+text {
			t.Errorf("12,000 octets of %q: %v, %v", sign, m.State, err)
		}
	}
	for _, sign := range []string{"x", "\u00e9"} {
		if _, err := c.Send(t.Context(), "bob", strings.Repeat(sign, most/len(sign))); err != nil {
			t.Errorf("32 KiB of %q: %v", sign, err)
		}
	}
	for name, bad := range map[string]struct{ text, says string }{
		"quotes alone": {strings.Repeat(`"`, most), "65536"},
		"one too many": {strings.Repeat("x", most+1), "32768"}, "64 KiB": {strings.Repeat("x", 64<<10), "32768"},
		"10 MB": {strings.Repeat("x", 10<<20), "32768"}, "NUL": {"a\x00b", "U+0000"}, "ESC": {"\x1b[m", "U+001B"}, "not UTF-8": {"a\xffb", "not UTF-8"},
	} {
		n := len(f.seen())
		_, err := c.Send(t.Context(), "bob", bad.text)
		_, again := c.Write(t.Context(), "bob", chat.Writing{Text: bad.text})
		for _, err := range []error{err, again} {
			e, ok := errors.AsType[*chat.Error](err)
			if !ok || e.Code != chat.CodeUsage || !strings.Contains(e.Text, bad.says) || strings.Contains(e.Text+e.Hint, "file") || strings.Contains(e.Text, "socket") {
				t.Errorf("%s: %+v; want code 2 and %q", name, err, bad.says)
			}
		}
		if len(f.seen()) != n {
			t.Errorf("%s reached the node", name)
		}
	}
}

// What is not UTF-8 goes to the node in no parameter: JSON would carry
// something else.
func TestNotUTF8(t *testing.T) {
	f := &fake{}
	path, _ := serve(t, f)
	c, ctx := dial(t, path), t.Context()
	const bad = "x\xff"
	_, e1 := c.Search(ctx, bad, "", 0, 1)
	_, e2 := c.Rename(ctx, "bob", bad)
	_, e3 := c.Send(ctx, bad, "x")
	_, e4 := c.History(ctx, bad, 0, 1)
	for i, err := range []error{c.Set(ctx, "message", bad), c.SetDraft(ctx, "k", chat.Writing{Text: bad}), c.View(ctx, []string{bad}), e1, e2, e3, e4} {
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.CodeUsage {
			t.Errorf("call %d: %v; want code 2", i, err)
		}
	}
	if got := f.seen(); len(got) > 0 {
		t.Errorf("the node heard %q", got)
	}
}

// A client outlives its node: calls fail in words while there is none, and go to
// the next one as soon as it is there.
func TestNodeComesBack(t *testing.T) {
	first := &fake{}
	path, end := serve(t, first)
	c := dial(t, path)
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	for range 2 {
		_, err := c.Send(t.Context(), "bob", "x")
		_, sub := c.Subscribe(t.Context(), 0)
		for _, err := range []error{err, sub} {
			e, ok := errors.AsType[*chat.Error](err)
			if !ok || strings.Contains(e.Text, "unix") || e.Hint == "" {
				t.Errorf("while there is none: %v", err)
			}
		}
	}
	second := &fake{}
	serveAt(t, path, second)
	if m, err := c.Send(t.Context(), "bob", "again"); err != nil || m.Body.String() != "again" {
		t.Errorf("on the next node: %+v, %v", m, err)
	}
	if got := first.seen(); len(got) != 0 {
		t.Errorf("the first got %q", got)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("a closed client goes on")
	}
}

// The 33rd front-end is told why it is not served; a free place is taken.
func TestTooManyConnections(t *testing.T) {
	path, _ := serve(t, &fake{})
	var open []raw
	for i := range maxConns {
		r := dialRaw(t, path)
		if got := r.ask(`{"jsonrpc":"2.0","id":1,"method":"status"}`); !strings.Contains(got, `"result"`) {
			t.Fatalf("connection %d: %s", i, got)
		}
		open = append(open, r)
	}
	if got := dialRaw(t, path).next(); got != `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"32 programs use this node already"}}` {
		t.Errorf("the 33rd: %s", got)
	}
	_, err := dial(t, path).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "32 programs") {
		t.Errorf("our own client: %v", err)
	}
	_ = open[0].Close()
	waitFor(t, "a place is free", func() bool {
		_, err := dial(t, path).Status(t.Context())
		return err == nil
	})
}

// waitFor polls for what another goroutine or process does.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// One connection has 16 calls under way at the most; others are served.
func TestCallsAreBounded(t *testing.T) {
	f := &fake{block: make(chan struct{})}
	path, _ := serve(t, f)
	r := dialRaw(t, path)
	for i := range maxCalls + 4 {
		if _, err := fmt.Fprintf(r, `{"jsonrpc":"2.0","id":%d,"method":"send","params":{"who":"bob"}}`+"\n", i); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "16 calls run", func() bool { return len(f.seen()) == maxCalls })
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Errorf("another front-end: %v", err)
	}
	if n := len(f.seen()); n != maxCalls {
		t.Errorf("%d calls run, want %d", n, maxCalls)
	}
	close(f.block)
	waitFor(t, "the rest runs", func() bool { return len(f.seen()) == maxCalls+4 })
}

// Calls under way when the node ends fail at once, with words.
func TestNodeEnds(t *testing.T) {
	f := &fake{block: make(chan struct{})}
	path, end := serve(t, f)
	c := dial(t, path)
	feed, err := c.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 2)
	go func() {
		_, err := c.Send(context.Background(), "bob", "x")
		errs <- err
	}()
	go func() {
		_, err := feed.Next(context.Background())
		errs <- err
	}()
	waitFor(t, "the call runs", func() bool { return len(f.seen()) == 1 })
	end()
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("a call outlived its node")
		}
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, chat.ErrEnded) {
		t.Errorf("afterwards: %v, want %v", err, chat.ErrEnded)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNoNode) {
		t.Errorf("dial: %v, want ErrNoNode", err)
	}
}

// A front-end that closes its side still gets its answers; one that is gone
// has its calls cancelled.
func TestFrontEndLeaves(t *testing.T) {
	f := &fake{block: make(chan struct{})}
	path, _ := serve(t, f)
	r := dialRaw(t, path)
	if _, err := r.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"status"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := r.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := r.next(); !strings.Contains(got, `"result"`) {
		t.Errorf("half closed: %s", got)
	}
	gone := dialRaw(t, path)
	if _, err := gone.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"send","params":{"who":"bob"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the call runs", func() bool { return len(f.seen()) == 1 })
	_ = gone.Close()
	waitFor(t, "the call is cancelled", func() bool { return len(f.seen()) == 2 })
}

func message(seq uint64, text string) chat.Event {
	return chat.Event{
		Seq: seq, Time: time.Unix(1700000000, 0).UTC(),
		Body: chat.Message{ID: "1", Body: safetext.Body(text), Written: time.Unix(1700000000, 0).UTC()},
	}
}

func TestSubscribe(t *testing.T) {
	f := &fake{events: []chat.Event{message(8, "one"), {Seq: 9, Body: chat.Resync{Seq: 7}}}}
	path, _ := serve(t, f)
	feed, err := dial(t, path).Subscribe(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	var got []chat.Event
	for len(got) < 2 {
		events, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, events...)
	}
	want := []string{`{"type":"message","seq":8`, `{"type":"resync","seq":9,"from":7}`}
	for i, e := range got {
		if line, err := json.Marshal(e); err != nil || !strings.HasPrefix(string(line), want[i]) {
			t.Errorf("event %d: %s, %v; want %s...", i, line, err, want[i])
		}
	}
	if f.since != 7 {
		t.Errorf("since %d, want 7", f.since)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing more: %v", err)
	}
	waitFor(t, "the feed ends with its reader", func() bool {
		select {
		case <-f.feed(t, 0).closed:
			return true
		default:
			return false
		}
	})
}

// An event of a kind that is newer than this program is passed over.
func TestNewerEvent(t *testing.T) {
	e, err := decodeEvents([]byte(`{"jsonrpc":"2.0","method":"event","params":{"type":"dance","seq":3}}`))
	if err != nil || len(e) != 0 {
		t.Errorf("got %v, %v", e, err)
	}
}

// A reader that does not read holds up only itself, however long.
func TestSlowReader(t *testing.T) {
	f := &fake{}
	path, end := serve(t, f)
	slow := dialRaw(t, path)
	if got := slow.ask(`{"jsonrpc":"2.0","id":1,"method":"subscribe"}`); got != `{"jsonrpc":"2.0","id":1,"result":null}` {
		t.Fatal(got)
	}
	text := strings.Repeat("x", 32<<10)
	stuck := false
	for i := range 200 { // far more than the socket holds
		select {
		case f.feed(t, 0).events <- []chat.Event{message(uint64(i), text)}:
		case <-time.After(200 * time.Millisecond):
			stuck = true
		}
		if stuck {
			break
		}
	}
	if !stuck {
		t.Error("the socket swallowed 6 MiB that nobody reads")
	}
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Errorf("another front-end: %v", err)
	}
	began := time.Now()
	end()
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("the end waited %v for the slow reader", d)
	}
}

// A socket that a killed node left behind is no node, and is replaced.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNoNode) {
		t.Errorf("dial: %v, want ErrNoNode", err)
	}
	fresh, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fresh.Close(), fresh.Close()); err != nil {
		t.Errorf("close twice: %v", err)
	}
}

// What is no socket is an error, not the absence of a node.
func TestNotASocket(t *testing.T) {
	dir := t.TempDir()
	if _, err := Listen(filepath.Join(dir, "missing", "control.sock")); err == nil {
		t.Error("listened in a folder that is not there")
	}
	path := filepath.Join(dir, "control.sock")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("listened in place of a folder")
	}
}

// A node that dies as soon as it is spoken to is one that ended, in the same
// words wherever that is noticed: nobody reads of pipes and sockets.
func TestNodeDiesAtOnce(t *testing.T) {
	path, end := serve(t, &fake{})
	c := dial(t, path)
	end()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	})
	defer work.Wait()
	defer func() { _ = l.Close() }()
	for range 50 {
		_, sent := c.Send(t.Context(), "bob", "x")
		_, subscribed := c.Subscribe(t.Context(), 0)
		for _, err := range []error{sent, subscribed} {
			if !errors.Is(err, chat.ErrEnded) {
				t.Fatalf("it says %v, want %v", err, chat.ErrEnded)
			}
		}
	}
}
