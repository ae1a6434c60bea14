package devnet

import (
	"fmt"
	"io"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// row is what the table has of a slot.
type row struct {
	slot                 types.Slot
	epoch                types.Epoch
	fork                 params.Fork
	heads, peers         []string // of each node; "" and "-" where it is away
	justified, finalized types.Epoch
	share                string // participation in the epoch before that of the head
	proposer, did        string // of the slot's block, "" for none
}

// shownRows is how many lines a terminal shows; above them stand the names of the columns.
const shownRows = 16

// table writes lines; on a terminal the last ones are drawn again and again in the same place.
type table struct {
	out   io.Writer
	live  bool
	rows  []string
	drawn int // lines of the last drawing
	begun bool
}

func newTable(out io.Writer, live bool) *table { return &table{out: out, live: live} }

const columns = "%5s  %-8s  %-10s  %9s  %9s  %-5s  %9s  %8s  %s"

var names = [...]any{"slot", "epoch", "head", "justified", "finalized", "peers", "took part", "proposer", "the block's operations"}

func (r row) String() string {
	head := ""
	for _, one := range r.heads {
		switch {
		case one == "" || one == head:
		case head == "":
			head = one
		default:
			head = "differ"
		}
	}
	if head != "differ" {
		head = short(head)
	}
	proposer, did := r.proposer, r.did
	if proposer == "" {
		proposer, did = "-", "no block"
	}
	if r.slot == 0 {
		did = "genesis"
	}
	return fmt.Sprintf(columns, fmt.Sprint(r.slot), fmt.Sprintf("%d %v", r.epoch, r.fork), head, fmt.Sprint(r.justified), fmt.Sprint(r.finalized),
		strings.Join(r.peers, ","), r.share, proposer, did)
}

func short(root string) string {
	if len(root) < 10 {
		return "-"
	}
	return root[:10]
}

func (t *table) line(r row) { t.write(strings.TrimRight(r.String(), " ")) }

// note writes a line between the rows.
func (t *table) note(format string, args ...any) { t.write("-- " + fmt.Sprintf(format, args...)) }

func (t *table) write(line string) {
	header := strings.TrimRight(fmt.Sprintf(columns, names[:]...), " ")
	if !t.live {
		if !t.begun {
			fmt.Fprintln(t.out, header)
		}
		t.begun = true
		fmt.Fprintln(t.out, line)
		return
	}
	t.rows = append(t.rows, line)
	t.rows = t.rows[max(0, len(t.rows)-shownRows):]
	if t.drawn > 0 {
		fmt.Fprintf(t.out, "\x1b[%dA", t.drawn)
	}
	for _, l := range append([]string{"\x1b[1m" + header + "\x1b[0m"}, t.rows...) {
		fmt.Fprintf(t.out, "\r\x1b[2K%s\n", l)
	}
	t.drawn = len(t.rows) + 1
}
