package driver

import (
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Stage is what sync is doing.
type Stage string

// The stages.
const (
	Waiting   Stage = "waiting for peers"
	Comparing Stage = "looking for a common block"
	Finalized Stage = "finalized chain"
	Head      Stage = "head"
	History   Stage = "history"
	Synced    Stage = "synced"
)

// Progress is where sync is.
type Progress struct {
	Stage      Stage
	Target     types.Slot // of the run
	Done, All  uint64     // slots of the run
	SlotsPerS  float64
	ETA        time.Duration
	NoETA      string // why there is no ETA; empty if there is one
	PeersInUse int
	Peers      int
	// Distance is how many slots the head is behind the clock.
	Distance types.Slot
}

// Percent is how much of the run is done.
func (p Progress) Percent() float64 {
	if p.All == 0 {
		return 100
	}
	return 100 * float64(p.Done) / float64(p.All)
}

// String is a line for a person.
func (p Progress) String() string {
	switch p.Stage {
	case Synced, Waiting, Comparing:
		return fmt.Sprintf("%s, %d slots behind, %d peers", p.Stage, p.Distance, p.Peers)
	}
	eta := p.NoETA
	if eta == "" {
		eta = p.ETA.Round(time.Second).String()
	}
	return fmt.Sprintf("%s: %.1f%% of %d slots, %.1f slots/s, %s left, %d of %d peers", p.Stage, p.Percent(), p.All, p.SlotsPerS, eta, p.PeersInUse, p.Peers)
}

// Progress tells where sync is. It never waits and may be called by anybody.
func (d *Driver) Progress() Progress { return *d.progress.Load() }

// publish makes the progress of now.
func (d *Driver) publish(now time.Time) {
	s := d.chain.Snapshot()
	p := Progress{Peers: len(d.peers), Distance: d.clock.CurrentSlot().SubSaturating(s.Head.Slot)}
	run := d.ranges.Progress(now)
	switch {
	case run.Surveying:
		p.Stage, p.Target = Comparing, run.Target.Slot
	case run.Running:
		p.Stage = Head
		if run.Target.Finalized {
			p.Stage = Finalized
		}
		p.Target, p.Done, p.All, p.PeersInUse = run.Target.Slot, run.Done, run.All, run.Peers
		p.SlotsPerS, p.ETA, p.NoETA = d.speed.eta(now, run.All-run.Done)
	case d.back != nil && p.Peers > 0:
		p.Stage = History
		p.Done, p.All, p.PeersInUse, _ = d.back.Progress(now)
		p.NoETA = "no hurry"
	case p.Peers == 0:
		p.Stage = Waiting
	default:
		p.Stage = Synced
	}
	if old := d.progress.Load(); old.Stage != p.Stage || p.Stage == Finalized || p.Stage == Head {
		d.speak(now, p, old.Stage != p.Stage)
	}
	d.progress.Store(&p)
	d.cfg.Metrics.Distance.Set(float64(p.Distance))
	d.cfg.Metrics.SlotsPerSecond.Set(p.SlotsPerS)
	d.cfg.Metrics.Percent.Set(p.Percent())
	d.cfg.Metrics.PeersInUse.Set(float64(p.PeersInUse))
}

// speakEvery is how often progress is logged while a run goes on.
const speakEvery = 10 * time.Second

func (d *Driver) speak(now time.Time, p Progress, changed bool) {
	if !changed && now.Sub(d.speed.spoken) < speakEvery {
		return
	}
	d.speed.spoken = now
	d.log.Info("sync", "progress", p.String())
}

// speed is how fast a run is, over the last while.
type speed struct {
	since  time.Time // of the run
	marks  []mark    // the latest imports, oldest first
	spoken time.Time
}

type mark struct {
	at    time.Time
	slots uint64
}

// window is the time that the speed is measured over.
const window = 30 * time.Second

func (s *speed) reset(now time.Time) { s.since, s.marks = now, nil }

func (s *speed) add(now time.Time, slots uint64) {
	s.marks = append(s.marks, mark{now, slots})
	for len(s.marks) > 1 && now.Sub(s.marks[0].at) > window {
		s.marks = s.marks[1:]
	}
}

// eta is slots a second and the time that is left, or why that is not known.
func (s *speed) eta(now time.Time, left uint64) (perSecond float64, eta time.Duration, unknown string) {
	var slots uint64
	for _, m := range s.marks {
		if now.Sub(m.at) <= window {
			slots += m.slots
		}
	}
	took := min(now.Sub(s.since), window)
	switch {
	case slots == 0 && len(s.marks) == 0:
		return 0, 0, "unknown: nothing is imported yet"
	case slots == 0:
		return 0, 0, fmt.Sprintf("unknown: nothing was imported for %v", window)
	case took <= 0:
		return 0, 0, "unknown: it has just begun"
	}
	perSecond = float64(slots) / took.Seconds()
	return perSecond, time.Duration(float64(left) / perSecond * float64(time.Second)), ""
}
