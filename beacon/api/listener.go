package api

import (
	"net"
	"sync"
)

// listener accepts no more than a number of connections at a time. Further ones wait in the system's queue.
type listener struct {
	net.Listener
	turns  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newListener(l net.Listener, connections int) *listener {
	return &listener{Listener: l, turns: make(chan struct{}, connections), closed: make(chan struct{})}
}

// Accept waits for a connection to end, if there are as many as allowed, and then for the next one.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.turns <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.turns
		return nil, err
	}
	return &connection{Conn: c, leave: func() { <-l.turns }}, nil
}

// Close ends an Accept that waits.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// connection gives its turn back once.
type connection struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
