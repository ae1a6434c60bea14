package p2p

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// sockets is what discovery listens on: one socket a family of addresses behind what looks like one, so that both have one table of nodes
// and one record. A node is written to over the family of its address.
type sockets struct {
	conns   []*net.UDPConn
	packets chan packet
	closing chan struct{}
	readers sync.WaitGroup
	once    sync.Once
	err     error // of closing
}

// packet is what came. Its data is the reader's, which waits until it was copied.
type packet struct {
	data []byte
	from netip.AddrPort
	err  error
	read chan struct{} // closed when data was copied
}

// packetBytes is longer than any packet of discovery, which are at most 1280 bytes.
const packetBytes = 2048

// newSockets begins to read.
func newSockets(conns []*net.UDPConn) *sockets {
	s := &sockets{conns: conns, packets: make(chan packet), closing: make(chan struct{})}
	for _, c := range conns {
		s.readers.Go(func() { s.read(c) })
	}
	return s
}

func (s *sockets) read(c *net.UDPConn) {
	buf := make([]byte, packetBytes)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		p := packet{buf[:n], from, err, make(chan struct{})}
		select {
		case s.packets <- p:
		case <-s.closing:
			return
		}
		<-p.read
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// ReadFromUDPAddrPort gives the next packet of any family.
func (s *sockets) ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error) {
	select {
	case p := <-s.packets:
		n = copy(b, p.data)
		close(p.read)
		return n, p.from, p.err
	case <-s.closing:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteToUDPAddrPort sends a packet over the family of the address.
func (s *sockets) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	for _, c := range s.conns {
		if addrPort(c).Addr().Is4() == to.Addr().Is4() {
			return c.WriteToUDPAddrPort(b, to)
		}
	}
	return 0, fmt.Errorf("%v: its family is not listened on", to)
}

// LocalAddr is the address of the first socket.
func (s *sockets) LocalAddr() net.Addr { return s.conns[0].LocalAddr() }

// Close closes all sockets and waits for what reads them.
func (s *sockets) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.err = closeAll(s.conns)
		s.readers.Wait()
	})
	return s.err
}

// addrPort is where a socket is.
func addrPort(c *net.UDPConn) netip.AddrPort {
	at, _ := c.LocalAddr().(*net.UDPAddr)
	if at == nil {
		return netip.AddrPort{}
	}
	return at.AddrPort()
}

func closeAll(conns []*net.UDPConn) (err error) {
	for _, c := range conns {
		err = errors.Join(err, c.Close())
	}
	return err
}
