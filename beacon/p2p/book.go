package p2p

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// The file of good peers, from which a start goes on without waiting for discovery, and of bans.
const (
	bookVersion  = 1
	bookInterval = 5 * time.Minute
	bookBytes    = 1 << 20
	// mostAddrs bounds the addresses of one peer.
	mostAddrs = 8
)

// page is the file.
type page struct {
	Version int     `json:"version"`
	Peers   []entry `json:"peers"`
	Bans    []ban   `json:"bans,omitempty"`
}

// ban is a peer that is not to come back until a time.
type ban struct {
	ID      string    `json:"id"`
	Until   time.Time `json:"until"`
	Repeats int       `json:"repeats"`
}

// entry is one peer in the file: by its record, or by its addresses with /p2p/ where no record is known.
type entry struct {
	ENR   string   `json:"enr,omitempty"`
	Addrs []string `json:"addrs,omitempty"`
}

// loadBook reads the file of good peers. Without a file, or with one that is damaged, the node starts with no peers in mind, and says so.
func (h *Host) loadBook() {
	path := h.cfg.path(bookFile)
	contacts, bans, err := h.readBook(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		h.cfg.Log.Warn("the file of peers cannot be used; starting without it, it is written anew", "file", path, "error", err)
	default:
		h.cfg.Log.Debug("peers remembered", "count", len(contacts), "banned", len(bans))
	}
	now := h.cfg.Now()
	for _, b := range bans {
		h.mu.peers.Restore(now, b)
	}
	for _, c := range contacts {
		h.mu.peers.Discovered(now, c)
	}
}

func (h *Host) readBook(path string) ([]peers.Contact, []peers.Ban, error) {
	data, err := readSmall(path, bookBytes)
	if err != nil {
		return nil, nil, err
	}
	return h.parseBook(data)
}

// parseBook reads the file's content. What is in it may come from others, who sent it as records.
func (h *Host) parseBook(data []byte) (contacts []peers.Contact, bans []peers.Ban, err error) {
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, nil, err
	}
	if p.Version != bookVersion {
		return nil, nil, fmt.Errorf("version %d, want %d", p.Version, bookVersion)
	}
	if len(p.Peers) > peers.MostRemembered || len(p.Bans) > peers.MostBans {
		return nil, nil, fmt.Errorf("%d peers and %d bans, at most %d and %d are written", len(p.Peers), len(p.Bans), peers.MostRemembered, peers.MostBans)
	}
	for i, e := range p.Peers {
		c, err := h.contactOf(e)
		if err != nil {
			return nil, nil, fmt.Errorf("peer %d: %w", i, err)
		}
		if c.ID != h.id {
			contacts = append(contacts, c)
		}
	}
	for i, b := range p.Bans {
		id, err := ParsePeer(b.ID)
		if err != nil {
			return nil, nil, fmt.Errorf("ban %d: %w", i, err)
		}
		bans = append(bans, peers.Ban{ID: id.String(), Until: b.Until, Repeats: b.Repeats})
	}
	return contacts, bans, nil
}

func (h *Host) contactOf(e entry) (c peers.Contact, err error) {
	if e.ENR != "" {
		return h.parseContact(e.ENR)
	}
	if len(e.Addrs) == 0 || len(e.Addrs) > mostAddrs {
		return c, fmt.Errorf("%d addresses, want 1 to %d", len(e.Addrs), mostAddrs)
	}
	for _, text := range e.Addrs {
		one, err := parseAddress(text)
		if err != nil {
			return c, err
		}
		if c.ID != "" && c.ID != one.ID {
			return c, fmt.Errorf("addresses of %s and %s", c.ID, one.ID)
		}
		c.ID, c.Addrs, c.IPs = one.ID, append(c.Addrs, one.Addrs...), append(c.IPs, one.IPs...)
	}
	return c, nil
}

// saveBook writes the file.
func (h *Host) saveBook() {
	h.mu.Lock()
	good, bans := h.mu.peers.Good(h.cfg.Now()), h.mu.peers.Bans(h.cfg.Now())
	h.mu.Unlock()
	p := page{Version: bookVersion, Peers: []entry{}}
	for _, b := range bans {
		p.Bans = append(p.Bans, ban{b.ID, b.Until.UTC(), b.Repeats})
	}
	for _, c := range good {
		e := entry{ENR: c.ENR}
		if e.ENR == "" {
			for _, a := range c.Addrs[:min(len(c.Addrs), mostAddrs)] {
				e.Addrs = append(e.Addrs, a+"/p2p/"+c.ID)
			}
		}
		p.Peers = append(p.Peers, e)
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err == nil {
		err = writeFile(h.cfg.path(bookFile), append(data, '\n'))
	}
	if err != nil {
		h.cfg.Metrics.BookFailure.Inc()
		h.cfg.Log.Warn("the file of peers cannot be written; check the disk", "file", h.cfg.path(bookFile), "error", err)
	}
}

// keepBook writes the file from time to time, and at the end.
func (h *Host) keepBook(ctx context.Context) error {
	ticker := time.NewTicker(bookInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			h.saveBook()
		case <-ctx.Done():
			h.saveBook()
			return ctx.Err()
		}
	}
}
