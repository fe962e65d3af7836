// Words for compilers that warn of a look at numbers that are gone: clang, of
// `View<const float> x = make_tensor().select(0, 0);`. To others they say nothing.
#pragma once

#ifdef __clang__
/// A class that owns numbers, and one that looks at some.
#define HOOKED_OWNER [[gsl::Owner]]
#define HOOKED_POINTER [[gsl::Pointer]]
/// Behind a member function: what it gives back lives no longer than its object.
#define HOOKED_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define HOOKED_OWNER
#define HOOKED_POINTER
#define HOOKED_LIFETIMEBOUND
#endif
