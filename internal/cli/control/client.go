package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"syscall"

	"llchat/internal/chat"
)

// ErrNoNode: no node answers on the control socket.
var ErrNoNode = errors.New("control: no running node")

// Client is a chat.API over the control socket of a running node. It outlives
// that node: once another one answers there, calls go to it.
type Client struct {
	path string

	mu     sync.Mutex // guards the following
	link   *link
	closed bool
}

// Dial connects to the node at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	c, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Client{path: path, link: newLink(c)}, nil
}

func connect(ctx context.Context, path string) (*net.UnixConn, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", short)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: %w", ErrNoNode, err)
	}
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	conn := c.(*net.UnixConn)
	if err := sameUser(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// again is connect for a node that was there before: that it is gone is all
// there is to say then.
func (c *Client) again(ctx context.Context) (*net.UnixConn, error) {
	conn, err := connect(ctx, c.path)
	if errors.Is(err, ErrNoNode) {
		return nil, chat.ErrEnded
	}
	return conn, err
}

// Close ends the connection; calls under way fail.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.link.conn.Close()
}

// current is the connection for the next call: a new one when the node of the
// last one ended.
func (c *Client) current(ctx context.Context) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link.why() == nil {
		return c.link, nil
	}
	if c.closed {
		return nil, c.link.why()
	}
	conn, err := c.again(ctx)
	if err != nil {
		return nil, err
	}
	c.link = newLink(conn)
	return c.link, nil
}

// call makes one call and waits for its answer. A call whose node ended before
// it answered is not made again: only its caller knows whether that is safe.
func (c *Client) call(ctx context.Context, method string, p params, result any) error {
	l, err := c.current(ctx)
	if err != nil {
		return err
	}
	id, ch, err := l.begin()
	if err != nil {
		return err
	}
	line, err := encode(id, method, p)
	if err != nil {
		l.forget(id)
		return err
	}
	// When the write fails the answer that says why may be there already; in
	// any case read ends every call.
	_, _ = l.conn.Write(line)
	select {
	case r, ok := <-ch:
		if !ok {
			return l.why()
		}
		return decodeAnswer(r, result)
	case <-ctx.Done():
		l.forget(id)
		return ctx.Err()
	}
}

func encode(id, method string, p params) ([]byte, error) {
	if !p.isText() { // JSON would put other characters in place of it
		return nil, &chat.Error{Code: chat.CodeUsage, Text: "this is not UTF-8 text"}
	}
	raw, err := marshal(p)
	if err != nil {
		return nil, err
	}
	line, err := marshal(request{Version: "2.0", ID: json.RawMessage(id), Method: method, Params: raw})
	if err != nil {
		return nil, err
	}
	if len(line) >= maxRequest {
		return nil, &chat.Error{
			Code: chat.CodeUsage, Text: fmt.Sprintf("this becomes %d octets, more than the %d that the running node takes at once", len(line), maxRequest),
			Hint: "make it shorter",
		}
	}
	return append(line, '\n'), nil
}

// marshal is json.Marshal that leaves <, > and & as they are: they would have
// six times their size.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decodeAnswer(r response, result any) error {
	if r.Error != nil {
		if r.Error.Data != nil && r.Error.Data.Text == chat.ErrEnded.Text {
			return chat.ErrEnded
		}
		if r.Error.Data != nil {
			return r.Error.Data
		}
		return fmt.Errorf("control: %s", r.Error.Message)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// Status implements chat.API.
func (c *Client) Status(ctx context.Context) (s chat.Status, err error) {
	return s, c.call(ctx, "status", params{}, &s)
}

// Peers implements chat.API.
func (c *Client) Peers(ctx context.Context) (p []chat.Peer, err error) {
	return p, c.call(ctx, "peers", params{}, &p)
}

// Requests implements chat.API.
func (c *Client) Requests(ctx context.Context) (r []chat.Request, err error) {
	return r, c.call(ctx, "requests", params{}, &r)
}

// Send implements chat.API.
func (c *Client) Send(ctx context.Context, who, text string) (m chat.Message, err error) {
	if err := (chat.Writing{Text: text}).Check(); err != nil { // before the socket, whose limits say less
		return m, err
	}
	return m, c.call(ctx, "send", params{Who: who, Text: text}, &m)
}

// Write implements chat.API.
func (c *Client) Write(ctx context.Context, who string, w chat.Writing) (m chat.Message, err error) {
	if err := w.Check(); err != nil {
		return m, err
	}
	return m, c.call(ctx, "write", params{Who: who, Writing: &w}, &m)
}

// Retry implements chat.API.
func (c *Client) Retry(ctx context.Context, who, id string) (m chat.Message, err error) {
	return m, c.call(ctx, "retry", params{Who: who, ID: id}, &m)
}

// Delete implements chat.API.
func (c *Client) Delete(ctx context.Context, who, id string) error {
	return c.call(ctx, "delete", params{Who: who, ID: id}, nil)
}

// Versions implements chat.API.
func (c *Client) Versions(ctx context.Context, who, id string) (v []chat.Version, err error) {
	return v, c.call(ctx, "versions", params{Who: who, ID: id}, &v)
}

// Search implements chat.API.
func (c *Client) Search(ctx context.Context, query, who string, before int64, n int) (m []chat.Message, err error) {
	return m, c.call(ctx, "search", params{Query: query, Who: who, Before: before, Most: n}, &m)
}

// Typing implements chat.API.
func (c *Client) Typing(ctx context.Context, key string, writes bool) error {
	return c.call(ctx, "typing", params{Key: key, Writes: writes}, nil)
}

// Accept implements chat.API.
func (c *Client) Accept(ctx context.Context, who string) (p chat.Peer, err error) {
	return p, c.call(ctx, "accept", params{Who: who}, &p)
}

// Block implements chat.API.
func (c *Client) Block(ctx context.Context, who string) (p chat.Peer, err error) {
	return p, c.call(ctx, "block", params{Who: who}, &p)
}

// Unblock implements chat.API.
func (c *Client) Unblock(ctx context.Context, who string) (p chat.Peer, err error) {
	return p, c.call(ctx, "unblock", params{Who: who}, &p)
}

// AcceptAs implements chat.API.
func (c *Client) AcceptAs(ctx context.Context, who, petname string) (p chat.Peer, err error) {
	return p, c.call(ctx, "accept", params{Who: who, As: petname}, &p)
}

// Replace implements chat.API.
func (c *Client) Replace(ctx context.Context, who, petname string) (p chat.Peer, err error) {
	return p, c.call(ctx, "accept", params{Who: who, NewKeyOf: petname}, &p)
}

// Rename implements chat.API.
func (c *Client) Rename(ctx context.Context, who, petname string) (p chat.Peer, err error) {
	return p, c.call(ctx, "rename", params{Who: who, Petname: petname}, &p)
}

// Forget implements chat.API.
func (c *Client) Forget(ctx context.Context, who string) error {
	return c.call(ctx, "forget", params{Who: who}, nil)
}

// Message implements chat.API.
func (c *Client) Message(ctx context.Context, who, id string) (m chat.Message, err error) {
	return m, c.call(ctx, "message", params{Who: who, ID: id}, &m)
}

// Export implements chat.API.
func (c *Client) Export(ctx context.Context, who string, after int64, n int) (m []chat.Message, err error) {
	return m, c.call(ctx, "export", params{Who: who, After: after, Most: n}, &m)
}

// SetPassphrase implements chat.Secrets.
func (c *Client) SetPassphrase(ctx context.Context, old, passphrase []byte) error {
	return c.call(ctx, "passphrase", params{Old: old, New: passphrase}, nil)
}

// Lock implements chat.Secrets.
func (c *Client) Lock(ctx context.Context) error { return c.call(ctx, "lock", params{}, nil) }

// Unlock implements chat.Secrets.
func (c *Client) Unlock(ctx context.Context, passphrase []byte) error {
	return c.call(ctx, "unlock", params{Old: passphrase}, nil)
}

// CheckHistory implements chat.Secrets.
func (c *Client) CheckHistory(ctx context.Context) (state string, err error) {
	return state, c.call(ctx, "check", params{}, &state)
}

// Panic implements chat.Secrets.
func (c *Client) Panic(ctx context.Context) error { return c.call(ctx, "panic", params{}, nil) }

// Add implements chat.API.
func (c *Client) Add(ctx context.Context, address string) (p chat.Peer, err error) {
	return p, c.call(ctx, "add", params{Address: address}, &p)
}

// Set implements chat.API.
func (c *Client) Set(ctx context.Context, key, value string) error {
	return c.call(ctx, "set", params{Key: key, Value: value}, nil)
}

// Avatar implements chat.API.
func (c *Client) Avatar(ctx context.Context, who string) (img []byte, err error) {
	return img, c.call(ctx, "avatar", params{Who: who}, &img)
}

// History implements chat.API.
func (c *Client) History(ctx context.Context, who string, before int64, n int) (m []chat.Message, err error) {
	return m, c.call(ctx, "history", params{Who: who, Before: before, Most: n}, &m)
}

// Focus implements chat.API.
func (c *Client) Focus(ctx context.Context, key string) error {
	return c.call(ctx, "focus", params{Key: key}, nil)
}

// View implements chat.API.
func (c *Client) View(ctx context.Context, keys []string) error {
	return c.call(ctx, "view", params{Keys: keys[:min(len(keys), chat.MaxView)]}, nil)
}

// Draft implements chat.API.
func (c *Client) Draft(ctx context.Context, key string) (w chat.Writing, err error) {
	return w, c.call(ctx, "draft", params{Key: key}, &w)
}

// SetDraft implements chat.API.
func (c *Client) SetDraft(ctx context.Context, key string, w chat.Writing) error {
	return c.call(ctx, "setDraft", params{Key: key, Writing: &w}, nil)
}

// Subscribe implements chat.API. Each subscription has a connection of its
// own, so that a slow reader of events holds up no call.
func (c *Client) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	conn, err := c.again(ctx)
	if err != nil {
		return nil, err
	}
	f := &feed{conn: conn, in: bufio.NewReaderSize(conn, maxEvent)}
	line, err := encode("1", "subscribe", params{Since: since})
	if err == nil {
		_, _ = conn.Write(line) // what fails here ends the reading, too
		err = f.begin(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return f, nil
}

// feed is a subscription over its own connection. Once the context of a Next
// has ended, so has the feed.
type feed struct {
	conn *net.UnixConn
	in   *bufio.Reader
}

// begin reads the answer to the subscription itself.
func (f *feed) begin(ctx context.Context) error {
	line, err := f.line(ctx)
	if err != nil {
		return err
	}
	var r response
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	return decodeAnswer(r, nil)
}

func (f *feed) line(ctx context.Context) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = f.conn.Close() })
	defer stop()
	line, err := f.in.ReadBytes('\n')
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, chat.ErrEnded
	}
	return line, nil
}

// Next implements chat.Feed.
func (f *feed) Next(ctx context.Context) ([]chat.Event, error) {
	var events []chat.Event
	for len(events) == 0 || f.more() {
		line, err := f.line(ctx)
		if err != nil {
			return nil, err
		}
		next, err := decodeEvents(line)
		if err != nil {
			return nil, err
		}
		events = append(events, next...)
	}
	return events, nil
}

// more reports whether a whole further line is here already.
func (f *feed) more() bool {
	b, _ := f.in.Peek(f.in.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

func decodeEvents(line []byte) ([]chat.Event, error) {
	var r response
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	var e chat.Event
	if err := json.Unmarshal(r.Params, &e); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if e.Body == nil {
		return nil, nil // a kind that is newer than this program
	}
	return []chat.Event{e}, nil
}

// Close implements chat.Feed.
func (f *feed) Close() error { return f.conn.Close() }
