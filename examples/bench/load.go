package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Bounds of the load. Nothing here ever leaves the loopback interface.
const (
	rounds      = 10
	roundTime   = 500 * time.Millisecond
	roundMost   = 200_000         // requests of one connection in one round
	answerLimit = 5 * time.Second // for one answer
)

// client is one kept connection that sends its requests again and again, in
// turn. It reads as little of the answers as can be, so that the measured time is
// the server's.
type client struct {
	conn     net.Conn
	reader   *bufio.Reader
	requests [][]byte
	next     int
}

func dial(address string, requests [][]byte) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, 32<<10), requests, 0}, nil
}

var contentLength = []byte("Content-Length: ")

// exchange sends the next request and returns the length of the answer, whose body
// is next in the reader.
func (c *client) exchange() (length int, err error) {
	if _, err := c.conn.Write(c.requests[c.next]); err != nil {
		return 0, err
	}
	c.next = (c.next + 1) % len(c.requests)
	length = -1
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")):
			return 0, fmt.Errorf("the server answered %q", bytes.TrimSpace(line))
		case bytes.HasPrefix(line, contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		case len(line) <= 2 && length < 0:
			return 0, errors.New("the answer has no Content-Length")
		case len(line) <= 2:
			return length, nil
		}
	}
}

// load sends requests until the end of the round and returns how many.
func (c *client) load(end time.Time) (n int, err error) {
	if err := c.conn.SetDeadline(end.Add(answerLimit)); err != nil {
		return 0, err
	}
	for ; n < roundMost && time.Now().Before(end); n++ {
		length, err := c.exchange()
		if err != nil {
			return n, err
		}
		if _, err := c.reader.Discard(length); err != nil {
			return n, err
		}
	}
	return n, nil
}

// answer sends one request and returns the body of the answer.
func (c *client) answer() ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, err
	}
	length, err := c.exchange()
	if err != nil {
		return nil, err
	}
	body := make([]byte, length)
	_, err = io.ReadFull(c.reader, body)
	return body, err
}

// contestant is a server with the connections that load it.
type contestant struct {
	*child
	clients []*client

	rates []float64 // requests per second, by round
	costs []float64 // seconds of processor time per request, by round
}

// requests are those of one connection, the first being 0, to a server.
type requests func(address string, connection int) [][]byte

// always is a request that all connections send.
func always(request func(address string) []byte) requests {
	return func(address string, _ int) [][]byte { return [][]byte{request(address)} }
}

func newContestant(server *child, connections int, requests requests) (*contestant, error) {
	c := &contestant{child: server}
	for i := range connections {
		conn, err := dial(server.address, requests(server.address, i))
		if err != nil {
			c.close()
			return nil, err
		}
		c.clients = append(c.clients, conn)
	}
	return c, nil
}

func (c *contestant) close() {
	for _, conn := range c.clients {
		_ = conn.conn.Close()
	}
}

// round loads the server for a time and notes how it did.
func (c *contestant) round(d time.Duration) error {
	before, err := c.cpu()
	if err != nil {
		return err
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan result, len(c.clients))
	start := time.Now()
	for _, conn := range c.clients {
		go func() {
			n, err := conn.load(start.Add(d))
			results <- result{n, err}
		}()
	}
	total := 0
	for range c.clients {
		r := <-results
		total += r.n
		err = errors.Join(err, r.err)
	}
	took := time.Since(start)
	after, cpuErr := c.cpu()
	if err = errors.Join(err, cpuErr); err != nil {
		return err
	}
	if total == 0 {
		return errors.New("no request was answered")
	}
	c.rates = append(c.rates, float64(total)/took.Seconds())
	c.costs = append(c.costs, (after-before).Seconds()/float64(total))
	return nil
}

// comparison is how dashd did beside the bare handler.
type comparison struct {
	rate, bareRate float64 // requests per second
	cost, bareCost float64 // seconds of processor time per request
	rateRatio      float64 // the medians of the rounds' ratios
	costRatio      float64
}

// compare lets both servers answer the same requests in turns.
func compare(ctx context.Context, dashd, bare *child, connections int, requests requests) (comparison, error) {
	return compareTwo(ctx, dashd, requests, bare, requests, connections)
}

// compareTwo lets two servers answer requests in turns, each its own. It first
// makes sure that they answer alike.
func compareTwo(ctx context.Context, dashd *child, requests requests, bare *child, bareRequests requests, connections int) (comparison, error) {
	var zero comparison
	a, err := newContestant(dashd, connections, requests)
	if err != nil {
		return zero, err
	}
	defer a.close()
	b, err := newContestant(bare, connections, bareRequests)
	if err != nil {
		return zero, err
	}
	defer b.close()
	ours, err := a.clients[0].answer()
	if err != nil {
		return zero, err
	}
	theirs, err := b.clients[0].answer()
	if err != nil {
		return zero, err
	}
	if !bytes.Equal(ours, theirs) {
		return zero, fmt.Errorf("the answers differ: %q and %q", ours, theirs)
	}
	for range rounds + 1 {
		for _, c := range []*contestant{a, b} {
			if err := c.round(roundTime); err != nil {
				return zero, err
			}
		}
		if ctx.Err() != nil {
			return zero, ctx.Err()
		}
	}
	var rates, costs []float64
	for i := 1; i <= rounds; i++ { // the first was to warm up
		rates = append(rates, a.rates[i]/b.rates[i])
		costs = append(costs, a.costs[i]/b.costs[i])
	}
	return comparison{
		rate: median(a.rates[1:]), bareRate: median(b.rates[1:]),
		cost: median(a.costs[1:]), bareCost: median(b.costs[1:]),
		rateRatio: median(rates), costRatio: median(costs),
	}, nil
}
