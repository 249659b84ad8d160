#pragma once
// ORTHANT_UNROLL before a loop of constant length: its arrays of vectors become registers.

#if defined(__clang__)
#define ORTHANT_UNROLL _Pragma("unroll")
#else
#define ORTHANT_UNROLL _Pragma("GCC unroll 32")
#endif
