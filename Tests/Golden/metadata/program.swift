import Glibc

// Asks for metadata as a plugin does, and says what came of it (Tests/ConformanceTests/MetadataTests.swift).

@_silgen_name("made") func made(_ kind: Int32, _ element: UnsafeRawPointer) -> UnsafeRawPointer
@_silgen_name("runtimes") func runtimes(_ kind: Int32, _ element: UnsafeRawPointer) -> UnsafeRawPointer
@_silgen_name("is_in_program") func isInProgram(_ pointer: UnsafeRawPointer) -> Bool

final class Counted {
    nonisolated(unsafe) static var alive = 0
    init() { Counted.alive += 1 }
    deinit { Counted.alive -= 1 }
}
struct Pair {
    var word: String
    var one: Counted
}
enum Choice {
    case one(Int)
    case other(String)
}
struct Nested<Inner> { var inner: [Inner] }

func pointer(_ type: Any.Type) -> UnsafeRawPointer { unsafeBitCast(type, to: UnsafeRawPointer.self) }

/// What a storage begins with: the metadata by which its elements are destroyed.
func storage<Element>(of array: [Element]) -> UnsafeRawPointer {
    withExtendedLifetime(array) { unsafeBitCast(array, to: UnsafePointer<UnsafeRawPointer>.self).pointee }
}

/// Words of metadata that differ from the runtime's own, but for the bits that say that it was made beforehand.
func differences(_ type: Any.Type) -> [String] {
    var found: [String] = []
    for (kind, words, flags, beforehand) in [
        (Int32(0), stride(from: -24, to: 104, by: 8), 16, UInt(24)), (1, stride(from: -16, to: 40, by: 8), 32, 3),
    ] {
        let ours = made(kind, pointer(type))
        let its = runtimes(kind, pointer(type))
        for offset in words {
            var one = ours.load(fromByteOffset: offset, as: UInt.self)
            let other = its.load(fromByteOffset: offset, as: UInt.self)
            if offset == flags, one != other, one & beforehand == beforehand { one &= ~beforehand }
            if one != other { found.append("\(type) \(kind) \(offset): \(one), \(other)") }
        }
    }
    return found
}

@inline(never) func deep<T>(_ type: T.Type, _ left: Int, _ found: inout [UnsafeRawPointer]) {
    let nested = [Nested<T>(inner: []), Nested<T>(inner: [])]
    guard (nested as Any) as? [Nested<T>] != nil, [Nested<T>].self == Swift.type(of: nested) else {
        fatalError("\(type)")
    }
    found.append(storage(of: nested))
    if left > 0 { deep(Nested<T>.self, left - 1, &found) }
}

@inline(never) func optional<T>(_ value: T) -> Any.Type { T?.self }
@inline(never) func array<T>(_ value: T) -> Any.Type { [T].self }
@inline(never) func cast<T>(_ value: Any, _ type: T.Type) -> T? { value as? T }

switch CommandLine.arguments[1] {
case "same":
    let types: [Any.Type] = [
        Pair.self, Choice.self, Counted.self, Int.self, String.self, Nested<Pair>.self, (String, Int).self, Any.self,
    ]
    print(types.flatMap(differences))
case "made":
    // No heap yet, and so in the program: ours.
    print(isInProgram(storage(of: [Choice.one(1)])), isInProgram(pointer(array(Choice.one(1)))))
case "values":
    do {
        var pairs = (0..<100).map { Pair(word: "a word that is too long to stand in itself \($0)", one: Counted()) }
        let copy = pairs
        pairs.removeAll { $0.word.hasSuffix("7") }
        let nested = [Nested(inner: pairs), Nested(inner: copy)]
        print(Counted.alive, nested.map(\.inner.count), (nested as Any) as? [Nested<Pair>] != nil)
    }
    print(Counted.alive)
    // One metadata for a type, whoever asks: the library's code, this program's, a cast.
    print(
        optional("") == String?.self, array(UInt8(0)) == [UInt8].self, array([UInt8]()) == [[UInt8]].self,
        cast(["a"], [String].self) != nil, cast([[UInt8](), [1]], [[UInt8]].self)?.count ?? 0,
        cast(Optional("a") as Any, String?.self) != nil, cast([1, nil] as [Int?], [Int?].self)?.count ?? 0,
        cast(Mirror(reflecting: [1]).children.first!.value, Int.self) ?? 0, "\([Optional(Choice.other("x"))])")
case "many":
    var first: [UnsafeRawPointer] = []
    var second: [UnsafeRawPointer] = []
    deep(Int.self, 700, &first)
    deep(Int.self, 700, &second)
    print(first == second, Set(first).count)
default:
    // Two threads ask for the same at the same time.
    let found = [UnsafeMutablePointer<[UnsafeRawPointer]>.allocate(capacity: 1), .allocate(capacity: 1)]
    var threads = [pthread_t(), pthread_t()]
    for number in 0...1 {
        found[number].initialize(to: [])
        pthread_create(
            &threads[number], nil,
            { @Sendable slot in
                deep(UInt8.self, 150, &slot!.assumingMemoryBound(to: [UnsafeRawPointer].self).pointee)
                return nil
            }, found[number])
    }
    for thread in threads { pthread_join(thread, nil) }
    print(found[0].pointee == found[1].pointee, Set(found[0].pointee).count)
}
