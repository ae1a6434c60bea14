package peering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/reqresp"
)

// talk talks to a peer until it is gone.
func (p *Peering) talk(c *conversation) {
	defer c.stop()
	t := &talk{Peering: p, conversation: c}
	if err := t.greet(); err != nil {
		t.failed(err)
		return
	}
	defer p.parts.Sync.RemovePeer(c.peer)
	if err := t.goOn(); err != nil {
		t.failed(err)
	}
}

// talk is one peer's side of a Peering. It belongs to the peer's goroutine.
type talk struct {
	*Peering
	*conversation
	status   types.Status
	metadata types.MetaData
	columns  []uint64
	asked    time.Time // when the peer was last asked for its status
}

// irrelevantError is why a peer is left that did nothing wrong.
type irrelevantError struct{ why string }

func (e *irrelevantError) Error() string { return e.why }

// failed draws the consequences of a conversation that cannot go on.
func (t *talk) failed(err error) {
	if t.ctx.Err() != nil {
		return // it is gone, or this node is ending
	}
	var irrelevant *irrelevantError
	switch {
	case errors.As(err, &irrelevant):
		t.Log.Debug("a peer is of no use", "peer", t.peer, "why", irrelevant.why)
		t.parts.Host.Disconnect(t.peer, reqresp.GoodbyeWrongNetwork, irrelevant.why)
	case reqresp.ClassOf(err) == reqresp.Broken:
		t.parts.Host.Report(t.peer, peers.Fatal, err.Error())
	default:
		t.Log.Debug("a peer does not say where it stands", "peer", t.peer, "error", err)
		t.parts.Host.Disconnect(t.peer, reqresp.GoodbyeFault, err.Error())
	}
}

// greet exchanges status and metadata for the first time. Whoever dialled speaks first; one that dialled us and is silent is asked.
// Spec: "The dialing client MUST send a Status request upon connection" (phase0).
func (t *talk) greet() error {
	if !t.outbound {
		due, stop := t.Clock.After(firstStatus)
		select {
		case s := <-t.said:
			stop()
			if err := t.check(s); err != nil {
				return err
			}
			return t.askMetaData()
		case <-due:
		case <-t.ctx.Done():
			stop()
			return t.ctx.Err()
		}
	}
	if err := t.askStatus(); err != nil {
		return err
	}
	return t.askMetaData()
}

func (t *talk) askStatus() error {
	ctx, cancel := context.WithTimeout(t.ctx, exchangeTime)
	defer cancel()
	s, err := t.parts.Client.Status(ctx, t.peer, t.Status())
	if err != nil {
		return err
	}
	t.asked = t.Clock.Now()
	return t.check(s)
}

// check takes in a status, if the peer is of any use.
func (t *talk) check(s types.Status) error {
	if why := t.irrelevant(s); why != "" {
		return &irrelevantError{why}
	}
	t.status = s
	return nil
}

func (t *talk) askMetaData() error {
	ctx, cancel := context.WithTimeout(t.ctx, exchangeTime)
	defer cancel()
	m, err := t.parts.Client.MetaData(ctx, t.peer)
	if err != nil {
		return err
	}
	columns, err := t.parts.Host.Columns(t.peer, m.CustodyGroupCount)
	if err != nil {
		return err
	}
	t.metadata, t.columns = m, columns
	t.parts.Host.SetMeta(t.peer, m.CustodyGroupCount, m.Attnets, m.Syncnets)
	t.tell()
	return nil
}

// tell tells sync where the peer stands.
func (t *talk) tell() {
	t.parts.Sync.SetPeer(t.peer, driver.PeerStatus{Status: t.status, Columns: t.columns})
}

// goOn keeps what is known of the peer up to date.
func (t *talk) goOn() error {
	missed := 0
	for {
		due, stop := t.Clock.After(pingEvery)
		select {
		case s := <-t.said:
			if err := t.check(s); err != nil {
				stop()
				return err
			}
			t.tell()
		case seq := <-t.pinged:
			if err := t.noteMetaData(seq); err != nil {
				stop()
				return err
			}
		case <-due:
			if err := t.ping(); err != nil {
				if missed++; missed >= pingsMissed || reqresp.ClassOf(err) == reqresp.Broken || errors.As(err, new(*irrelevantError)) {
					return fmt.Errorf("ping %d: %w", missed, err)
				}
				continue
			}
			missed = 0
		case <-t.ctx.Done():
			stop()
			return t.ctx.Err()
		}
		stop()
	}
}

// ping pings the peer, and asks it for what is new: its metadata if the number says so, its status once an epoch.
func (t *talk) ping() error {
	ctx, cancel := context.WithTimeout(t.ctx, exchangeTime)
	defer cancel()
	seq, err := t.parts.Client.Ping(ctx, t.peer, t.MetaData().SeqNumber)
	if err != nil {
		return err
	}
	if err := t.noteMetaData(seq); err != nil {
		return err
	}
	if t.Clock.Now().Sub(t.asked) < time.Duration(t.Spec.SlotsPerEpoch)*t.Clock.SlotDuration() {
		return nil
	}
	if err := t.askStatus(); err != nil {
		return err
	}
	t.tell()
	return nil
}

// noteMetaData asks for the metadata if it is newer than what is known.
func (t *talk) noteMetaData(seq uint64) error {
	if seq <= t.metadata.SeqNumber {
		return nil
	}
	return t.askMetaData()
}
