"""Sixty-four candidates at once: the one loop of the patch search, written as vector instructions.

A query is a list of terms (offset, value, weight); the distance of a candidate at position p is the
sum over the terms of weight · (plane[p + offset] − value)². `near` adds some terms for 64
neighbouring positions and says which are still within a bound. It is emitted as LLVM vectors (four
of sixteen floats) because numba's own vectoriser gives up on this loop (too many arrays that might
overlap) and runs five times slower; LLVM splits the vectors on machines with less.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

LANES = 64
_WIDE = 16
_PARTS = LANES // _WIDE
_FLOAT = ir.FloatType()
_LONG = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, _WIDE)

F = TypeVar("F", bound=Callable[..., Any])


_SOURCES = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
_DIGEST = hashlib.blake2b(_SOURCES, digest_size=6).hexdigest()


def compiled(function: F) -> F:
    """The function as machine code, kept on disk beside the source or else in the user's cache.

    Where neither can be written it is compiled again in every process. Numba renews what it kept
    when the function's own file changes, but not when one that it calls does; so the name it is
    kept under holds a digest of this folder.
    """
    function.__qualname__ = f"{function.__qualname__}-{_DIGEST}"
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba: "no locator available"
        return cast(F, njit(nogil=True)(function))


def _near(
    _context: Any, starts: Any, planes: Any, base: Any, query: Any,
    first: Any, stop: Any, bound: Any, sums: Any,
) -> Any:  # fmt: skip
    """near(starts, planes, base, (offsets, values, weights), first, stop, bound, sums) -> bits.

    starts: 64 float32 to begin with; planes: flat float32; base: position of lane 0; query: three
    arrays (int64, float32, float32) of which terms first ≤ t < stop are added; sums: 64 float32,
    written. Bit j of the result (uint64) is set where sum j ≤ bound. No index is checked.
    """
    signature = types.uint64(
        starts, planes, types.int64, query, types.int64, types.int64, types.float32, sums
    )

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(value: Any, kind: Any) -> Any:
            return context.make_array(kind)(context, builder, value).data

        def place(pointer: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())

        def loaded(pointer: Any, index: Any) -> Any:
            vector = builder.load(place(pointer, index))
            vector.align = 4
            return vector

        def spread(scalar: Any) -> Any:
            empty = ir.Constant(_VECTOR, ir.Undefined)
            one = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), _WIDE), [0] * _WIDE)
            return builder.shuffle_vector(one, empty, zeros)

        starts, planes, base, query, first, stop, bound, sums = args
        kinds = signature.args
        start_data, plane_data = data(starts, kinds[0]), data(planes, kinds[1])
        offsets, values, weights = (
            data(builder.extract_value(query, k), kinds[3].types[k]) for k in range(3)
        )
        sum_data = data(sums, kinds[7])
        lanes = [_LONG(_WIDE * k) for k in range(_PARTS)]

        head, body, done = (builder.append_basic_block(n) for n in ("head", "body", "done"))
        begin, entry = [loaded(start_data, lane) for lane in lanes], builder.block
        builder.branch(head)

        builder.position_at_end(head)
        t = builder.phi(_LONG)
        totals = [builder.phi(_VECTOR) for _ in lanes]
        builder.cbranch(builder.icmp_signed("<", t, stop), body, done)

        builder.position_at_end(body)
        position = builder.add(base, builder.load(builder.gep(offsets, [t])))
        value = spread(builder.load(builder.gep(values, [t])))
        weight = spread(builder.load(builder.gep(weights, [t])))
        grown = []
        for lane, total in zip(lanes, totals, strict=True):
            gap = builder.fsub(loaded(plane_data, builder.add(position, lane)), value)
            scaled = builder.fmul(gap, weight)
            square = builder.fmul(scaled, gap, flags=["contract"])
            grown.append(builder.fadd(total, square, flags=["contract"]))
        after = builder.add(t, _LONG(1))
        builder.branch(head)

        for phi, initial, next_one in zip(
            [t, *totals], [first, *begin], [after, *grown], strict=True
        ):
            phi.add_incoming(initial, entry)
            phi.add_incoming(next_one, body)

        builder.position_at_end(done)
        bits, limit = _LONG(0), spread(bound)
        for k, (lane, total) in enumerate(zip(lanes, totals, strict=True)):
            builder.store(total, place(sum_data, lane)).align = 4
            within = builder.bitcast(builder.fcmp_ordered("<=", total, limit), ir.IntType(_WIDE))
            bits = builder.or_(bits, builder.shl(builder.zext(within, _LONG), _LONG(_WIDE * k)))
        return bits

    return signature, emit


def _lowest(_context: Any, bits: Any) -> Any:
    """lowest(bits: uint64, not 0) -> number of the lowest set bit, int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), emit


near: Any = intrinsic(_near)
lowest: Any = intrinsic(_lowest)
