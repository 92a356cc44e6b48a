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

	"llchat/internal/chat"
)

const (
	maxConns = 32 // front-ends at once
	maxCalls = 16 // calls under way on one connection

	// writeTime is how long a front-end may leave an answer unread.
	writeTime = 10 * time.Second
)

// Listen makes the socket of a profile. The caller holds the profile, so what
// lies there is left over from a node that was killed.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := listen0600(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// Serve answers on l for api until ctx ends, then waits for its connections.
func Serve(ctx context.Context, l *net.UnixListener, api chat.API) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, maxConns)
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control socket: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		work.Go(func() {
			defer func() { <-slots }()
			s := &session{api: api, conn: c}
			s.serve(ctx)
		})
	}
}

// session is one front-end.
type session struct {
	api  chat.API
	conn *net.UnixConn

	mu sync.Mutex // guards writing
}

func (s *session) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	defer func() { _ = s.conn.Close() }()
	if err := sameUser(s.conn); err != nil {
		return
	}
	slots := make(chan struct{}, maxCalls)
	in := bufio.NewScanner(s.conn)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		line := bytes.Clone(in.Bytes())
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		calls.Go(func() {
			defer func() { <-slots }()
			s.handle(ctx, line)
		})
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		s.fail(nil, codeRequest, "a message has at most 64 KiB")
	}
}

func (s *session) handle(ctx context.Context, line []byte) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		s.fail(nil, codeParse, "not JSON")
		return
	}
	if r.Version != "2.0" || r.Method == "" {
		s.fail(r.ID, codeRequest, "not a JSON-RPC 2.0 request")
		return
	}
	var p params
	if len(r.Params) > 0 {
		d := json.NewDecoder(bytes.NewReader(r.Params))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			s.fail(r.ID, codeParams, "parameters: "+err.Error())
			return
		}
	}
	if r.Method == "subscribe" {
		s.subscribe(ctx, r.ID, p.Since)
		return
	}
	call, ok := methods[r.Method]
	if !ok {
		s.fail(r.ID, codeMethod, "no method "+r.Method)
		return
	}
	result, err := call(ctx, s.api, p)
	s.answer(r.ID, result, err)
}

// methods are the commands of the API but subscribe.
var methods = map[string]func(context.Context, chat.API, params) (any, error){
	"status":   func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Status(ctx) },
	"peers":    func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Peers(ctx) },
	"requests": func(ctx context.Context, a chat.API, _ params) (any, error) { return a.Requests(ctx) },
	"send":     func(ctx context.Context, a chat.API, p params) (any, error) { return a.Send(ctx, p.Who, p.Text) },
	"accept":   func(ctx context.Context, a chat.API, p params) (any, error) { return a.Accept(ctx, p.Who) },
	"block":    func(ctx context.Context, a chat.API, p params) (any, error) { return a.Block(ctx, p.Who) },
	"set":      func(ctx context.Context, a chat.API, p params) (any, error) { return nil, a.Set(ctx, p.Key, p.Value) },
	"history": func(ctx context.Context, a chat.API, p params) (any, error) {
		return a.History(ctx, p.Who, p.Before, min(p.Most, maxPage))
	},
	"draft": func(ctx context.Context, a chat.API, p params) (any, error) { return a.Draft(ctx, p.Key) },
	"setDraft": func(ctx context.Context, a chat.API, p params) (any, error) {
		return nil, a.SetDraft(ctx, p.Key, p.Text)
	},
}

// maxPage bounds one page of history.
const maxPage = 1000

func (s *session) subscribe(ctx context.Context, id json.RawMessage, since uint64) {
	feed, err := s.api.Subscribe(ctx, since)
	if err != nil {
		s.answer(id, nil, err)
		return
	}
	defer func() { _ = feed.Close() }()
	s.answer(id, nil, nil)
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			_ = s.conn.Close() // the node ends: so does the subscription
			return
		}
		for _, e := range events {
			raw, err := json.Marshal(e)
			if err != nil || s.write(response{Version: "2.0", Method: "event", Params: raw}) != nil {
				return
			}
		}
	}
}

func (s *session) answer(id json.RawMessage, result any, err error) {
	if id == nil && err == nil {
		return // a notification
	}
	r := response{Version: "2.0", ID: id}
	if err != nil {
		r.Error = failure(err)
	} else if r.Result, err = json.Marshal(result); err != nil {
		r.Error = failure(err)
	}
	_ = s.write(r)
}

func (s *session) fail(id json.RawMessage, code int, text string) {
	if id == nil {
		id = json.RawMessage("null")
	}
	_ = s.write(response{Version: "2.0", ID: id, Error: &rpcError{Code: code, Message: text}})
}

func (s *session) write(r response) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := s.conn.Write(append(line, '\n')); err != nil {
		_ = s.conn.Close()
		return err
	}
	return nil
}
