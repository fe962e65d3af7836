#!/usr/bin/env bash
# run.sh SOURCE BUILD WORK FLAG...: uses the library at SOURCE, built in BUILD, as its users do, with
# the compiler $CXX, in the folder WORK, which is emptied first. The flags say where Eigen and nlohmann/json are.
set -euo pipefail
source=$1 build_of_ours=$2 work=$3
shift 3
consumer=$source/tests/consumer
rm -rf "$work"
mkdir -p "$work"

fail() {
  echo "consumers: $*" >&2
  exit 1
}

# No flag for warnings, optimisation or the processor reaches a consumer.
no_flags() { # no_flags FILE...
  if grep -nE -e '[ "](-W|-O|-march|-mtune|-mcpu)' "$@"; then fail "these flags leak"; fi
}

quietly() { # quietly COMMAND...: shows what it says only when it fails
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "failed: $*"; }
}

# Configures, builds and runs the consumer in WORK/NAME.
consume() { # consume NAME CMAKE_ARGUMENT...
  local build=$work/$1
  shift
  echo "== $(basename "$build")"
  quietly cmake -S "$consumer" -B "$build" -G Ninja -D CMAKE_EXPORT_COMPILE_COMMANDS=ON "$@"
  grep -q 'hooked: no build type: compiled without optimisation' "$work/log" ||
    fail "nobody says that programs without optimisation are slow"
  quietly cmake --build "$build"
  no_flags "$build/compile_commands.json"
  "$build/consumer"
}

# Inside the consumer's own build all our options are off, and the build type stays the consumer's.
for way in add_subdirectory FetchContent; do
  consume $way -D WAY=$way -D HOOKED_SOURCE="$source" -D FETCHCONTENT_SOURCE_DIR_HOOKED="$source"
  if grep -E '^HOOKED_[A-Z_]+:BOOL=ON|^CMAKE_BUILD_TYPE:[A-Z]+=.' "$work/$way/CMakeCache.txt"; then
    fail "$way turns these settings on"
  fi
done

# Installed, and installed to a second prefix that is then moved.
quietly cmake -S "$source" -B "$work/hooked" -G Ninja -D CMAKE_INSTALL_PREFIX="$work/first" \
  -D HOOKED_BUILD_TESTS=OFF -D HOOKED_BUILD_EXAMPLES=OFF -D HOOKED_BUILD_COMPILED=OFF
quietly cmake --install "$work/hooked"
quietly cmake --install "$work/hooked" --prefix "$work/second"
mv "$work/second" "$work/moved"
diff -r "$source/include" "$work/first/include"
diff -r "$work/first" "$work/moved"
package=$work/moved/share
no_flags -r "$package"
if grep -rF -e "$source" -e "$work" "$package"; then fail "the package is tied to a place"; fi
consume find_package -D WAY=find_package -D CMAKE_PREFIX_PATH="$work/moved"
grep -q "isystem $work/moved/include" "$work/find_package/compile_commands.json" ||
  fail "find_package took another hooked than that of $work/moved"

# With the library as it was compiled here. Who is built for another processor does not link.
quietly cmake --install "$build_of_ours" --prefix "$work/third"
native=
if grep -rqE 'LINK_LIBRARIES.*hooked::native' "$work/third/share"; then native=-march=native; fi
echo "== compiled"
quietly cmake -S "$consumer" -B "$work/find_package_compiled" -G Ninja -D WAY=find_package \
  -D TARGET=hooked::compiled -D CMAKE_PREFIX_PATH="$work/third"
quietly cmake --build "$work/find_package_compiled"
"$work/find_package_compiled/consumer"
if [ "$(uname -m)" = x86_64 ]; then
  echo "== compiled for other registers"
  other="-mavx2 -mfma"
  if [ -n "$native" ]; then other=-march=x86-64; fi
  # shellcheck disable=SC2086 # the flags are words
  if "$CXX" -std=c++20 $other -D HOOKED_COMPILED -I "$source/include" "$@" \
    "$consumer/main.cpp" -o "$work/other" "$work"/third/lib*/libhooked_compiled.a 2>"$work/log"; then
    fail "a program for other registers links"
  fi
  grep -q LibraryBuiltFor "$work/log" || { cat "$work/log"; fail "it fails for another reason"; }
fi

echo "== for this processor, optimised"
quietly cmake -S "$consumer" -B "$work/native" -D CMAKE_EXPORT_COMPILE_COMMANDS=ON -D WAY=find_package \
  -D CMAKE_PREFIX_PATH="$work/first" -D CMAKE_BUILD_TYPE=Release -D "TARGET=hooked::hooked;hooked::native"
if grep 'without optimisation' "$work/log"; then fail "an optimised build is called slow"; fi
grep -q -e '-O3 .*-march=native' "$work/native/compile_commands.json" || fail "no flags for speed"

echo "== pkg-config"
flags=$(PKG_CONFIG_PATH=$package/pkgconfig pkg-config --cflags --libs hooked)
echo " $flags" >"$work/flags"
no_flags "$work/flags"
# shellcheck disable=SC2086 # the flags are words
"$CXX" -std=c++20 "$consumer/main.cpp" -o "$work/pkg_config" $flags
"$work/pkg_config"

echo "== plain -I"
"$CXX" -std=c++20 -I "$source/include" "$@" "$consumer/main.cpp" -o "$work/plain"
"$work/plain"
