package bls

/*
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The functions of herumi's C interface used here (mcl/bn.h); its Go package links the library that defines them.
typedef struct { uint64_t d[6]; } fp;
typedef struct { fp x, y, z; } g1;
extern void mclBnFp_setInt(fp *y, int64_t x);
extern void mclBnFp_add(fp *z, const fp *x, const fp *y);
extern void mclBnFp_sub(fp *z, const fp *x, const fp *y);
extern void mclBnFp_mul(fp *z, const fp *x, const fp *y);
extern void mclBnFp_sqr(fp *y, const fp *x);
extern void mclBnFp_inv(fp *y, const fp *x);
extern size_t mclBnFp_deserialize(fp *x, const void *buf, size_t size);
extern size_t mclBnFp_serialize(void *buf, size_t size, const fp *x);
extern void mclBnG1_add(g1 *z, const g1 *x, const g1 *y);
extern void mclBnG1_normalize(g1 *y, const g1 *x);
extern int mclBnG2_hashAndMapToWithDst(void *x, const void *buf, size_t size, const char *dst, size_t dstSize);
typedef struct { fp d[6]; } g2;
typedef struct { uint64_t d[4]; } fr;
extern void mclBnG2_mulCT(g2 *z, const g2 *x, const fr *y);

// An affine point; all zero is infinity, for (0, 0) is not on the curve.
typedef struct { fp x, y; } affine;

static int fp_equal(const fp *a, const fp *b) { return memcmp(a, b, sizeof(fp)) == 0; }
static int fp_zero(const fp *a) { return (a->d[0] | a->d[1] | a->d[2] | a->d[3] | a->d[4] | a->d[5]) == 0; }
static int is_infinity(const affine *a) { return fp_zero(&a->x) && fp_zero(&a->y); }

enum { TILE = 256, SMALL = 16 };

// a[i] += b[i*step] for i < n <= TILE, with one inversion for all (Montgomery's trick): 6 multiplications an addition
// instead of 11 for a mixed one in Jacobian coordinates.
static void add_tile(affine *a, const affine *b, size_t step, size_t n) {
	fp den[TILE], acc[TILE], inv, t, l, x3;
	for (size_t i = 0; i < n; i++) {
		const affine *p = &a[i], *q = &b[i*step];
		mclBnFp_sub(&den[i], &q->x, &p->x);
		if (fp_zero(&den[i])) mclBnFp_add(&den[i], &p->y, &q->y); // 2y of a doubling, 0 of opposite points
		if (fp_zero(&den[i]) || is_infinity(p) || is_infinity(q)) mclBnFp_setInt(&den[i], 1);
		if (i == 0) acc[0] = den[0];
		else mclBnFp_mul(&acc[i], &acc[i-1], &den[i]);
	}
	mclBnFp_inv(&inv, &acc[n-1]);
	for (size_t i = n; i-- > 0;) {
		affine *p = &a[i];
		const affine *q = &b[i*step];
		if (i == 0) l = inv;
		else mclBnFp_mul(&l, &inv, &acc[i-1]);
		mclBnFp_mul(&inv, &inv, &den[i]);
		if (is_infinity(q)) continue;
		if (is_infinity(p)) { *p = *q; continue; }
		if (fp_equal(&p->x, &q->x)) {
			if (!fp_equal(&p->y, &q->y)) { memset(p, 0, sizeof(*p)); continue; }
			mclBnFp_sqr(&x3, &p->x);
			mclBnFp_add(&t, &x3, &x3);
			mclBnFp_add(&t, &t, &x3);
		} else {
			mclBnFp_sub(&t, &q->y, &p->y);
		}
		mclBnFp_mul(&l, &l, &t);
		mclBnFp_sqr(&x3, &l);
		mclBnFp_sub(&x3, &x3, &p->x);
		mclBnFp_sub(&x3, &x3, &q->x);
		mclBnFp_sub(&t, &p->x, &x3);
		mclBnFp_mul(&t, &t, &l);
		mclBnFp_sub(&p->y, &t, &p->y);
		p->x = x3;
	}
}

static void kernel_add(affine *a, const affine *b, size_t step, size_t n) {
	for (size_t i = 0; i < n; i += TILE) add_tile(&a[i], &b[i*step], step, n - i < TILE ? n - i : TILE);
}

// *out = sum of p[0..n), which it overwrites: halves are added pairwise until few points are left.
static void kernel_sum(affine *out, affine *p, size_t n) {
	while (n > SMALL) {
		size_t half = n / 2;
		kernel_add(p, &p[n-half], 1, half);
		n -= half;
	}
	g1 sum, q;
	memset(&sum, 0, sizeof(sum));
	mclBnFp_setInt(&q.z, 1);
	for (size_t i = 0; i < n; i++) {
		if (is_infinity(&p[i])) continue;
		q.x = p[i].x;
		q.y = p[i].y;
		mclBnG1_add(&sum, &sum, &q);
	}
	memset(out, 0, sizeof(*out));
	if (fp_zero(&sum.z)) return;
	mclBnG1_normalize(&sum, &sum);
	out->x = sum.x;
	out->y = sum.y;
}

// Reads n points of 2 x 48 bytes, big-endian; returns how many were read before one that is not reduced.
static size_t kernel_decode(affine *out, const uint8_t *in, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (mclBnFp_deserialize(&out[i].x, &in[96*i], 48) != 48 || mclBnFp_deserialize(&out[i].y, &in[96*i+48], 48) != 48) return i;
	return n;
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// pointSize is the size of an uncompressed public key in bytes: x and y, big-endian.
const pointSize = 96

func affine(p *PublicKey) *C.affine { return (*C.affine)(unsafe.Pointer(p)) }

// addPoints sets a[i] to a[i] + b[i].
func addPoints(a, b []PublicKey) {
	library()
	if len(a) != len(b) {
		panic("bls: addPoints on slices of different length")
	}
	if len(a) > 0 {
		C.kernel_add(affine(&a[0]), affine(&b[0]), 1, C.size_t(len(a)))
	}
}

// addPoint sets a[i] to a[i] + b. b must not lie in a.
func addPoint(a []PublicKey, b *PublicKey) {
	library()
	if len(a) > 0 {
		C.kernel_add(affine(&a[0]), affine(b), 0, C.size_t(len(a)))
	}
}

// sumPoints adds up all of p, using p as its working space. The sum of nothing is infinity.
func sumPoints(p []PublicKey) PublicKey {
	library()
	var sum PublicKey
	if len(p) > 0 {
		C.kernel_sum(affine(&sum), affine(&p[0]), C.size_t(len(p)))
	}
	return sum
}

// decodePoints reads len(out) uncompressed points without checking that they are on the curve; it returns how many
// were read before one with a coordinate that is not below the modulus.
func decodePoints(out []PublicKey, in []byte) int {
	library()
	if len(in) != pointSize*len(out) {
		panic("bls: decodePoints on slices of different length")
	}
	if len(out) == 0 {
		return 0
	}
	return int(C.kernel_decode(affine(&out[0]), (*C.uint8_t)(&in[0]), C.size_t(len(out))))
}

// hashToG2 hashes a message to the curve: with a pairing, the costliest step of a verification.
func hashToG2(message []byte, domain string) (p herumi.G2) {
	library()
	m, d := append(isolated(message), 0), append([]byte(domain), 0) // a byte more, so that both have an address
	ret := C.mclBnG2_hashAndMapToWithDst(unsafe.Pointer(&p), unsafe.Pointer(&m[0]), C.size_t(len(message)),
		(*C.char)(unsafe.Pointer(&d[0])), C.size_t(len(domain)))
	if ret != 0 {
		panic(fmt.Sprintf("bls: hash %d bytes to G2 under the domain %q", len(message), domain)) // for it takes any message
	}
	return p
}

// mulConstantTime is a point times a secret scalar, in constant time.
func mulConstantTime(p *herumi.G2, scalar *herumi.Fr) (product herumi.G2) {
	library()
	C.mclBnG2_mulCT((*C.g2)(unsafe.Pointer(&product)), (*C.g2)(unsafe.Pointer(p)), (*C.fr)(unsafe.Pointer(scalar)))
	return product
}
