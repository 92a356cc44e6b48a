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
	"strconv"
	"sync"
	"syscall"

	"llchat/internal/chat"
)

// ErrNoNode: no node answers on the control socket.
var ErrNoNode = errors.New("control: no running node")

// errGone ends calls whose node went away.
var errGone = &chat.Error{Code: chat.CodeError, Text: "the running node ended", Hint: "start it again: llchat daemon"}

// Client is a chat.API over the control socket of a running node.
type Client struct {
	path string
	conn *net.UnixConn

	mu    sync.Mutex // guards the following
	next  int
	calls map[string]chan response
	ended error // why no call can be made any more
}

// Dial connects to the node at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	c, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	client := &Client{path: path, conn: c, calls: map[string]chan response{}}
	go client.read()
	return client, nil
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

// Close ends the connection; calls under way fail.
func (c *Client) Close() error { return c.conn.Close() }

// read hands answers to their calls until the connection ends.
func (c *Client) read() {
	var why error = errGone
	in := answers(c.conn)
	for in.Scan() {
		var r response
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			break
		}
		if string(r.ID) == "null" && r.Error != nil {
			why = decodeAnswer(r, nil) // about the connection, not a call
			break
		}
		c.mu.Lock()
		if ch := c.calls[string(r.ID)]; ch != nil {
			ch <- r // buffered: one answer a call
			delete(c.calls, string(r.ID))
		}
		c.mu.Unlock()
	}
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = why
	for _, ch := range c.calls {
		close(ch)
	}
	clear(c.calls)
}

func answers(c net.Conn) *bufio.Scanner {
	in := bufio.NewScanner(c)
	in.Buffer(nil, maxAnswer)
	return in
}

// call makes one call and waits for its answer.
func (c *Client) call(ctx context.Context, method string, p params, result any) error {
	id, ch, err := c.begin()
	if err != nil {
		return err
	}
	line, err := encode(id, method, p)
	if err != nil {
		c.forget(id)
		return err
	}
	// When the write fails the answer that says why may be there already; in
	// any case read ends every call.
	_, _ = c.conn.Write(line)
	select {
	case r, ok := <-ch:
		if !ok {
			return c.why()
		}
		return decodeAnswer(r, result)
	case <-ctx.Done():
		c.forget(id)
		return ctx.Err()
	}
}

func (c *Client) begin() (string, chan response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return "", nil, c.ended
	}
	c.next++
	id := strconv.Itoa(c.next)
	ch := make(chan response, 1)
	c.calls[id] = ch
	return id, ch, nil
}

// why says why the connection ended.
func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, id)
}

func encode(id, method string, p params) ([]byte, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(request{Version: "2.0", ID: json.RawMessage(id), Method: method, Params: raw})
	if err != nil {
		return nil, err
	}
	if len(line) >= maxLine {
		return nil, &chat.Error{Code: chat.CodeUsage, Text: "this is too large for the control socket", Hint: "send it as a file"}
	}
	return append(line, '\n'), nil
}

func decodeAnswer(r response, result any) error {
	if r.Error != nil {
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
	return m, c.call(ctx, "send", params{Who: who, Text: text}, &m)
}

// Write implements chat.API.
func (c *Client) Write(ctx context.Context, who string, w chat.Writing) (m chat.Message, err error) {
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
	conn, err := connect(ctx, c.path)
	if err != nil {
		return nil, err
	}
	f := &feed{conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
	line, err := encode("1", "subscribe", params{Since: since})
	if err == nil {
		_, err = conn.Write(line)
	}
	if err == nil {
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
		return nil, errGone
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
