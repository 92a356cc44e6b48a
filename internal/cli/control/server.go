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
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"llchat/internal/chat"
)

const (
	maxConns = 32 // front-ends at once
	maxCalls = 16 // calls under way on one connection

	// writeTime is how long a front-end may leave an answer unread.
	writeTime = 10 * time.Second

	// graceTime is how long calls may take whose front-end has closed its side:
	// it may still read the answers (nc -N), or be gone.
	graceTime = time.Second

	// acceptPause is the time until the next try when the system has no file
	// descriptor left for another front-end.
	acceptPause = 100 * time.Millisecond
)

// Listen makes the socket of a profile. The caller holds the profile, so what
// lies there is left over from a node that was killed. Closing the listener
// removes the socket; the caller does so before it lets go of the profile.
func Listen(path string) (*Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	short, done, err := shorten(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer done()
	l, err := listen0600(short)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &Listener{UnixListener: l, path: path}, nil
}

// Listener is a control socket.
type Listener struct {
	*net.UnixListener
	path   string
	remove sync.Once
}

// Close removes the socket and accepts no further front-end. It may be called
// more than once.
func (l *Listener) Close() error {
	var err error
	l.remove.Do(func() {
		if err = os.Remove(l.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		err = errors.Join(err, l.UnixListener.Close())
	})
	return err
}

// Serve answers on l for api until ctx ends, then waits for its connections.
// Once l is closed nobody new is served; who is there already is, until ctx
// ends.
func Serve(ctx context.Context, l *Listener, api chat.API) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, maxConns)
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			select {
			case <-time.After(acceptPause):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case slots <- struct{}{}:
		default:
			work.Go(func() { turnAway(c) })
			continue
		}
		work.Go(func() {
			defer func() { <-slots }()
			s := &session{api: api, conn: c}
			s.serve(ctx)
		})
	}
}

// turnAway says why a front-end too many is not served.
func turnAway(c *net.UnixConn) {
	if sameUser(c) == nil {
		s := &session{conn: c}
		s.fail(nil, codeFailed, fmt.Sprintf("%d programs use this node already", maxConns))
	}
	_ = c.Close()
}

// session is one front-end.
type session struct {
	api  chat.API
	conn *net.UnixConn

	mu sync.Mutex // guards writing
}

func (s *session) serve(ctx context.Context) {
	defer func() { _ = s.conn.Close() }()
	if err := sameUser(s.conn); err != nil {
		return
	}
	// The end of ctx ends the reading; who called before still has an answer:
	// what was called may be what ends the node.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(ctx, func() { _ = s.conn.CloseRead() })()
	defer context.AfterFunc(life, func() { _ = s.conn.Close() })()
	var calls sync.WaitGroup
	s.read(ctx, life, &calls)
	late := time.AfterFunc(graceTime, func() { end(); cancel() })
	defer late.Stop()
	calls.Wait()
}

// read starts a call for each line until the front-end closes its side.
func (s *session) read(ctx, life context.Context, calls *sync.WaitGroup) {
	slots := make(chan struct{}, maxCalls)
	in := bufio.NewScanner(s.conn)
	in.Buffer(nil, maxRequest)
	for in.Scan() {
		line := bytes.Clone(in.Bytes())
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		calls.Go(func() {
			defer func() { <-slots }()
			s.handle(ctx, life, line)
		})
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		s.fail(nil, codeRequest, fmt.Sprintf("a message has at most %d KiB", maxRequest>>10))
	}
}

// handle answers a call, which may go on until life ends; subscriptions end with
// ctx.
func (s *session) handle(ctx, life context.Context, line []byte) {
	r, code, problem := parse(line)
	if problem != "" {
		s.fail(r.ID, code, problem)
		return
	}
	p, err := r.params()
	if err != nil {
		s.refuse(r.ID, codeParams, "parameters: "+err.Error())
		return
	}
	if r.Method == "subscribe" {
		s.subscribe(ctx, r.ID, p.Since)
		return
	}
	call, ok := methods[r.Method]
	if !ok {
		s.refuse(r.ID, codeMethod, fmt.Sprintf("there is no method %q", r.Method))
		return
	}
	result, err := call(life, s.api, p)
	s.answer(r.ID, result, err)
}

// parse reads a line; problem says what is wrong with it.
func parse(line []byte) (r request, code int, problem string) {
	if !utf8.Valid(line) {
		return r, codeParse, "not UTF-8"
	}
	if b := bytes.TrimLeft(line, " \t\r"); len(b) > 0 && b[0] == '[' && json.Valid(line) {
		return r, codeRequest, "batches are not supported: send one request a line"
	}
	if err := json.Unmarshal(line, &r); err != nil {
		if json.Valid(line) {
			return request{}, codeRequest, "not a JSON-RPC 2.0 request"
		}
		return request{}, codeParse, "not JSON"
	}
	if len(r.ID) > 0 && (r.ID[0] == '{' || r.ID[0] == '[' || r.ID[0] == 't' || r.ID[0] == 'f') {
		return request{}, codeRequest, "an id is a string or a number"
	}
	if r.Version != "2.0" || r.Method == "" {
		return r, codeRequest, "not a JSON-RPC 2.0 request"
	}
	return r, 0, ""
}

func (r request) params() (p params, err error) {
	if len(r.Params) == 0 {
		return p, nil
	}
	d := json.NewDecoder(bytes.NewReader(r.Params))
	d.DisallowUnknownFields()
	return p, d.Decode(&p)
}

var errNoWriting = &chat.Error{Code: chat.CodeUsage, Text: "there is no writing in the parameters"}

// methods are the commands of the API but subscribe.
var methods = map[string]func(context.Context, chat.API, params) (any, error){
	"status":   func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Status(ctx) },
	"peers":    func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Peers(ctx) },
	"requests": func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Requests(ctx) },
	"send": func(ctx context.Context, a chat.API, p params) (any, error) {
		if p.ID != "" {
			return a.Write(ctx, p.Who, chat.Writing{ID: p.ID, Text: p.Text})
		}
		return a.Send(ctx, p.Who, p.Text)
	},
	"write": func(ctx context.Context, a chat.API, p params) (any, error) {
		if p.Writing == nil {
			return nil, errNoWriting
		}
		return a.Write(ctx, p.Who, *p.Writing)
	},
	"retry":    func(ctx context.Context, a chat.API, p params) (any, error) { return a.Retry(ctx, p.Who, p.ID) },
	"delete":   func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.Delete(ctx, p.Who, p.ID) },
	"versions": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Versions(ctx, p.Who, p.ID) },
	"typing": func(ctx context.Context, a chat.API, p params) (any, error) {
		return nil, a.Typing(ctx, p.Key, p.Writes)
	},
	"search": func(ctx context.Context, a chat.API, p params) (any, error) {
		return a.Search(ctx, p.Query, p.Who, p.Before, p.page())
	},
	"accept":  accept,
	"block":   func(ctx context.Context, a chat.API, p params) (any, error) { return a.Block(ctx, p.Who) },
	"unblock": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Unblock(ctx, p.Who) },
	"rename":  func(ctx context.Context, a chat.API, p params) (any, error) { return a.Rename(ctx, p.Who, p.Petname) },
	"forget":  func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.Forget(ctx, p.Who) },
	"message": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Message(ctx, p.Who, p.ID) },
	"export": func(ctx context.Context, a chat.API, p params) (any, error) {
		return a.Export(ctx, p.Who, p.After, p.page())
	},
	"passphrase": secret(func(ctx context.Context, s chat.Secrets, p params) error { return s.SetPassphrase(ctx, p.Old, p.New) }),
	"lock":       secret(func(ctx context.Context, s chat.Secrets, _ params) error { return s.Lock(ctx) }),
	"unlock":     secret(func(ctx context.Context, s chat.Secrets, p params) error { return s.Unlock(ctx, p.Old) }),
	"check": func(ctx context.Context, a chat.API, _ params) (any, error) {
		s, ok := a.(chat.Secrets)
		if !ok {
			return nil, errNoSecrets
		}
		return s.CheckHistory(ctx)
	},
	"panic":  secret(func(ctx context.Context, s chat.Secrets, _ params) error { return s.Panic(ctx) }),
	"add":    func(ctx context.Context, a chat.API, p params) (any, error) { return a.Add(ctx, p.Address) },
	"set":    func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.Set(ctx, p.Key, p.Value) },
	"avatar": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Avatar(ctx, p.Who) },
	"history": func(ctx context.Context, a chat.API, p params) (any, error) {
		return a.History(ctx, p.Who, p.Before, p.page())
	},
	"focus": func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.Focus(ctx, p.Key) },
	"view":  func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.View(ctx, p.Keys) },
	"draft": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Draft(ctx, p.Key) },
	"setDraft": func(ctx context.Context, a chat.API, p params) (any, error) {
		if p.Writing == nil {
			return nil, errNoWriting
		}
		return nil, a.SetDraft(ctx, p.Key, *p.Writing)
	},
}

// accept decides about a request, or about a key in conflict.
func accept(ctx context.Context, a chat.API, p params) (any, error) {
	switch {
	case p.As != "" && p.NewKeyOf != "":
		return nil, &chat.Error{Code: chat.CodeUsage, Text: "it is another person, or a new key of a contact: not both"}
	case p.As != "":
		return a.AcceptAs(ctx, p.Who, p.As)
	case p.NewKeyOf != "":
		return a.Replace(ctx, p.Who, p.NewKeyOf)
	}
	return a.Accept(ctx, p.Who)
}

var errNoSecrets = &chat.Error{Code: chat.CodeUsage, Text: "this node cannot be locked"}

// secret is a method for what has keys. What it was given is overwritten.
func secret(do func(context.Context, chat.Secrets, params) error) func(context.Context, chat.API, params) (any, error) {
	return func(ctx context.Context, a chat.API, p params) (any, error) {
		defer clear(p.Old)
		defer clear(p.New)
		s, ok := a.(chat.Secrets)
		if !ok {
			return nil, errNoSecrets
		}
		return nil, do(ctx, s, p)
	}
}

// Messages in one page of history: when nothing is said, and at most.
const (
	onePage = 100
	maxPage = 1000
)

func (p params) page() int {
	if p.Most <= 0 {
		return onePage
	}
	return min(p.Most, maxPage)
}

func (s *session) subscribe(ctx context.Context, id json.RawMessage, since uint64) {
	feed, err := s.api.Subscribe(ctx, since)
	if err != nil {
		s.answer(id, nil, err)
		return
	}
	defer func() { _ = feed.Close() }()
	s.answer(id, nil, nil)
	// Events wait for their reader without end: the feed behind them is
	// bounded, and says resync when it was.
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			_ = s.conn.Close() // the node ends: so does the subscription
			return
		}
		for _, e := range events {
			raw, err := json.Marshal(e)
			if err != nil || s.write(response{Version: "2.0", Method: "event", Params: raw}, time.Time{}) != nil {
				return
			}
		}
	}
}

func (s *session) answer(id json.RawMessage, result any, err error) {
	if id == nil {
		return // a notification is never answered
	}
	r := response{Version: "2.0", ID: id}
	if err != nil {
		r.Error = failure(err)
	} else if r.Result, err = json.Marshal(result); err != nil {
		r.Error = failure(err)
	}
	_ = s.write(r, time.Now().Add(writeTime))
}

// refuse is fail for what was a request: a notification gets no answer.
func (s *session) refuse(id json.RawMessage, code int, text string) {
	if id != nil {
		s.fail(id, code, text)
	}
}

func (s *session) fail(id json.RawMessage, code int, text string) {
	if id == nil {
		id = json.RawMessage("null")
	}
	_ = s.write(response{Version: "2.0", ID: id, Error: &rpcError{Code: code, Message: text}}, time.Now().Add(writeTime))
}

// write sends one line; a front-end that does not take it until then is cut
// off.
func (s *session) write(r response, until time.Time) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(until); err != nil {
		return err
	}
	if _, err := s.conn.Write(append(line, '\n')); err != nil {
		_ = s.conn.Close()
		return err
	}
	return nil
}
