package bls

import (
	"fmt"
	"sync"
	"unsafe"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// constants are values that only the initialised library can give.
type constants struct {
	generator    PublicKey // of G1
	negGenerator herumi.G1
}

// library initialises herumi's library at its first call and returns the constants. It must precede every other use of
// the library. It panics if the library linked in is not built for this curve or represents field elements in another
// way than this package does: both are faults of the build.
var library = sync.OnceValue(func() *constants {
	if err := herumi.Init(herumi.BLS12_381); err != nil {
		panic(fmt.Sprintf("initialise herumi for BLS12-381: %v", err))
	}
	if err := herumi.SetETHmode(herumi.EthModeDraft07); err != nil {
		panic(fmt.Sprintf("set herumi to the Ethereum mode: %v", err))
	}
	herumi.VerifyOrderG1(true)
	herumi.VerifyOrderG2(true)
	var one herumi.Fp
	one.SetInt64(1)
	if got := *(*element)(unsafe.Pointer(&one)); got != montgomeryOne {
		panic(fmt.Sprintf("herumi represents 1 as %x, this package as %x", got, montgomeryOne))
	}
	var g herumi.PublicKey
	herumi.GetGeneratorOfPublicKey(&g)
	c := &constants{generator: fromG1(herumi.CastFromPublicKey(&g))}
	herumi.G1Neg(&c.negGenerator, herumi.CastFromPublicKey(&g))
	return c
})

// isolated copies bytes to an allocation of their own. cgo's pointer check looks at the whole allocation that an
// argument lies in, and panics if that holds Go pointers, as a field of a caller's struct does.
func isolated(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// jacobian has the memory layout of herumi.G1, whose fields are closed to Go.
type jacobian struct{ x, y, z element }

// g1 is the key in the library's form.
func (pk *PublicKey) g1() herumi.G1 {
	if pk.IsInfinity() {
		return herumi.G1{}
	}
	p := jacobian{pk.x, pk.y, montgomeryOne}
	return *(*herumi.G1)(unsafe.Pointer(&p))
}

// fromG1 brings a point of the library into affine form.
func fromG1(p *herumi.G1) PublicKey {
	var n herumi.G1
	herumi.G1Normalize(&n, p)
	if n.IsZero() {
		return PublicKey{}
	}
	j := (*jacobian)(unsafe.Pointer(&n))
	return PublicKey{j.x, j.y}
}
