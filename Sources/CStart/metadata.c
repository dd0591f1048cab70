// The metadata of arrays' storage, of arrays and of optionals, without the runtime's long way to them (docs/adr/0007-start.md, 11).
//
// The standard library brings some metadata of its generic types made. Who asks for any other has the runtime first enter all of
// these into a table (25,000 to 73,000 instructions for each generic type, in every process), and then make it. Here what the
// library brings is searched where it lies. And every type of an array's elements has a class of storage of its own,
// `_ContiguousArrayStorage<Element>`, thirty to sixty in a plugin, 5,000 instructions each; but they differ in nothing but the
// element.
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A name as Swift mangles it. Weak: a library that is linked at run time (a debug build) keeps most of them to itself, and
// the runtime's way is taken then.
#define LIBRARY(name, mangled) extern const char name[] __asm__(mangled) __attribute__((weak))
LIBRARY(any, "$sypN");
LIBRARY(storage, "$ss23_ContiguousArrayStorageCMn");
LIBRARY(optional, "$sSqMn");
LIBRARY(array, "$sSaMn");

// Full metadata (Swift's docs/ABI/TypeMetadata.rst) of what has one generic argument: how it begins, of an array, and of an array's
// storage. A pointer to metadata points to its `kind`. The flags say that it was made beforehand: the runtime does not look for it in
// its own table.
struct full_value {
    const void *layout, *witnesses;
    uintptr_t kind;
    const void *description, *argument;
};
struct full_array {
    struct full_value value;
    uint32_t field_offset, padding;
    uint64_t flags;
};
struct full_storage {
    const void *layout, *destroy, *witnesses;
    const void *kind, *superclass;
    uint32_t flags, instance_address_point, instance_size;
    uint16_t instance_alignment, reserved;
    uint32_t size, address_point;
    const void *description, *ivar_destroyer, *methods[5], *argument;
};

struct response {
    const void *metadata;
    size_t state;
};
enum { COMPLETE = 0 };
extern const struct full_storage storage_of_any __asm__("$ss23_ContiguousArrayStorageCyypGMf") __attribute__((weak));

// (Weak: a debug build wraps nothing.)
struct response __real_swift_getCanonicalPrespecializedGenericMetadata(
    size_t request, const void *const *arguments, const void *description, void *token) __attribute__((weak));
struct response __wrap_swift_getCanonicalPrespecializedGenericMetadata(
    size_t request, const void *const *arguments, const void *description, void *token);
struct response swift_getGenericMetadata(size_t request, const void *const *arguments, const void *description);

// What the library brings, of optionals and arrays: all of them (a test compares), so that a type has one metadata. Those that plugins
// ask for come first.
#define BROUGHT(each) \
    each(0, "$sSSSg") each(1, "$sSays5UInt8VG") each(2, "$sSaySSG") each(3, "$sSaySSGSg") each(4, "$sSiSg") each(5, "$sSbSg") \
    each(6, "$ss5UInt8VSg") each(7, "$sSaySiG") each(8, "$sSDyS2SGSg") each(9, "$sSDySSSaySSGGSg") each(10, "$sSDySSyXlGSg") \
    each(11, "$sSDySSypGSg") each(12, "$sSDys11AnyHashableVypGSg") each(13, "$sSRyyXlGSg") each(14, "$sSSSgSg") \
    each(15, "$sSaySDySSyXlGG") each(16, "$sSaySDySSypGG") each(17, "$sSaySJG") each(18, "$sSaySSSgG") each(19, "$sSaySsG") \
    each(20, "$sSays11AnyHashableVG") each(21, "$sSays5Int64VG") each(22, "$sSays5Int64VGSg") each(23, "$sSayypG") \
    each(24, "$sSayypSgG") each(25, "$sSayytG") each(26, "$sSdSg") each(27, "$sShySSGSg") each(28, "$ss11AnyHashableVSg") \
    each(29, "$ss17CodingUserInfoKeyVSg") each(30, "$ss4Int8VSg") each(31, "$ss5Int64VSg") each(32, "$ss5Int64VSgSg") \
    each(33, "$ss6MirrorV12DisplayStyleOSg") each(34, "$ss6MirrorVSg") each(35, "$syXlSg") each(36, "$sypSg") each(37, "$sytSg")
#define DECLARE(number, type) extern const struct full_value brought_##number __asm__(type "Mf") __attribute__((weak));
#define PLACE(number, type) &brought_##number,
BROUGHT(DECLARE)
static const struct full_value *const brought[] = {BROUGHT(PLACE)};
enum { AN_OPTIONAL = 0, AN_ARRAY = 2, BROUGHT_COUNT = sizeof brought / sizeof *brought };

// Gives what the library brings of a type, or 0.
static const void *find_brought(const void *description, const void *argument) {
    for (int number = 0; number < BROUGHT_COUNT; number++) {
        const struct full_value *one = brought[number];
        if (one->argument == argument && one->description == description) return &one->kind;
    }
    return 0;
}

// 1 where the library is laid out as above, and brings what is named above.
static int is_known(void) {
    static atomic_int answer = -1;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known >= 0) return known;
    known = &storage_of_any && storage_of_any.size == sizeof storage_of_any
            && storage_of_any.address_point == offsetof(struct full_storage, kind) && storage_of_any.description == storage
            && storage_of_any.argument == any + sizeof(void *);
    for (int number = 0; known && number < BROUGHT_COUNT; number++) known = !!brought[number];
    known = known && brought[AN_OPTIONAL]->description == optional && brought[AN_ARRAY]->description == array
            && brought[AN_ARRAY]->argument == brought[AN_OPTIONAL]->argument;
    atomic_store_explicit(&answer, known, memory_order_relaxed);
    return known;
}

// What was made. A place never changes once it holds one: who comes second, on another thread, finds the first's.
enum { PLACES = 512, AT_HAND = 64 };
struct made {
    const void *description, *argument;
    union {
        struct full_storage storage;
        struct full_array array;
    };
};
static struct {
    _Atomic(struct made *) places[PLACES];
    atomic_uint used;
    struct made at_hand[AT_HAND];
} all;

static const void *metadata_of(const struct made *one) {
    return one->description == storage ? (const void *)&one->storage.kind : &one->array.value.kind;
}

static struct made *make(const void *description, const void *argument) {
    unsigned next = atomic_fetch_add_explicit(&all.used, 1, memory_order_relaxed);
    struct made *one = next < AT_HAND ? &all.at_hand[next] : malloc(sizeof *one);
    if (!one) return 0;
    one->description = description;
    one->argument = argument;
    if (description == storage) {
        one->storage = storage_of_any;
        one->storage.argument = argument;
    } else {
        one->array = *(const struct full_array *)brought[AN_ARRAY];
        one->array.value.argument = argument;
    }
    return one;
}

// Gives the metadata of an array or its storage, or 0 where there is no room for one more.
static const void *find_or_make(const void *description, const void *argument) {
    struct made *mine = 0;
    size_t start = (((uintptr_t)argument >> 3) + (description == storage)) * 0x9e3779b97f4a7c15u >> 55;
    for (size_t step = 0; step < PLACES; step++) {
        _Atomic(struct made *) *place = &all.places[(start + step) % PLACES];
        struct made *there = atomic_load_explicit(place, memory_order_acquire);
        if (!there) {
            if (!mine && !(mine = make(description, argument))) return 0;
            if (atomic_compare_exchange_strong_explicit(place, &there, mine, memory_order_acq_rel, memory_order_acquire)) there = mine;
        }
        if (there->argument == argument && there->description == description) return metadata_of(there);
    }
    return 0;
}

// (--wrap in Package.swift.)
struct response __wrap_swift_getCanonicalPrespecializedGenericMetadata(
    size_t request, const void *const *arguments, const void *description, void *token) {
    const void *found = 0;
    if ((description == storage || description == array || description == optional) && is_known()) {
        if (description != storage) found = find_brought(description, arguments[0]);
        if (!found && description == optional) return swift_getGenericMetadata(request, arguments, description);
        if (!found) found = find_or_make(description, arguments[0]);
    }
    if (found) return (struct response){found, COMPLETE};
    return __real_swift_getCanonicalPrespecializedGenericMetadata(request, arguments, description, token);
}
