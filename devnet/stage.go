package devnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// place is where a process runs: the address that it is reached at, the network that its peers are in, and its network namespace.
type place struct {
	host, network string
	space         *os.File // nil for that of this process
}

var loopback = place{host: "127.0.0.1", network: "127.0.0.0/8"}

// enter brings the thread of the caller, which stays its own, to the place.
func (p place) enter() error {
	if p.space == nil {
		return nil
	}
	if err := unix.Setns(int(p.space.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace of %s: %w", p.host, err)
	}
	return nil
}

// stage is two places with a network namespace each, whose cables end in one bridge. This process reaches both, and they reach each other until
// they are cut apart.
type stage struct {
	places [2]place
	cables [2]netlink.Link // their ends at the bridge
}

// stageNetwork is the network of the bridge; the places have the first addresses, this process has the last.
const (
	stageNetwork = "10.77.0.0/24"
	stageSelf    = "10.77.0.254/24"
)

// newStage makes a bridge in the network namespace of this process, which has to be one of its own (Staged), and the two places.
func newStage() (*stage, error) {
	s := &stage{}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("make a bridge: %w", err)
	}
	if err := errors.Join(raise("lo", ""), raise("bridge", stageSelf)); err != nil {
		return nil, err
	}
	for i := range s.places {
		if err := s.wire(i, bridge); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// wire makes a place and connects it with the bridge.
func (s *stage) wire(i int, bridge netlink.Link) error {
	p := &s.places[i]
	p.host, p.network = fmt.Sprintf("10.77.0.%d", i+1), stageNetwork
	var err error
	if p.space, err = newSpace(); err != nil {
		return err
	}
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("port%d", i)}, PeerName: fmt.Sprintf("place%d", i)}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("make a cable: %w", err)
	}
	far, err := netlink.LinkByName(cable.PeerName)
	if err != nil {
		return fmt.Errorf("find the end of a cable: %w", err)
	}
	err = errors.Join(netlink.LinkSetNsFd(far, int(p.space.Fd())), netlink.LinkSetMaster(cable, bridge), netlink.LinkSetUp(cable))
	if err != nil {
		return fmt.Errorf("plug a cable in: %w", err)
	}
	s.cables[i] = cable
	return elsewhere(func() error {
		if err := p.enter(); err != nil {
			return err
		}
		return errors.Join(raise("lo", ""), raise(cable.PeerName, p.host+"/24"))
	})
}

// apart cuts the places apart, or joins them: the kernel forwards nothing between isolated ports of a bridge.
func (s *stage) apart(cut bool) error {
	for _, c := range s.cables {
		if err := netlink.LinkSetIsolated(c, cut); err != nil {
			return fmt.Errorf("isolate a port of the bridge (%t): %w", cut, err)
		}
	}
	return nil
}

// elsewhere does something on a thread that is not used again.
func elsewhere(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- do()
	}()
	return <-done
}

// newSpace makes a network namespace. It lasts for as long as the file is open, or a process is in it.
func newSpace() (space *os.File, err error) {
	err = elsewhere(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		space, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return space, err
}

// raise gives a link of the namespace of this thread an address, where one is given, and brings it up.
func raise(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if address != "" {
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, address, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// Staged changes a command that was not started yet: it starts in a user and a network namespace of its own, in which a network can be cut. Nobody
// has to be root for that where the machine gives user namespaces. The kernel kills it when the thread dies that starts it.
func Staged(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
}
