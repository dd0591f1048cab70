import NetCore

/// The places of a list, each once: first those where something is expected that mostly grows with the place, then all others. Of a
/// thousand namespaces two or three are asked so, where they were made one after the other; where not, no more than there are.
struct LikelyPlaces {
    private var isTaken: [Bool]
    private var expected: Int?
    private var guesses = 0
    private var first = 0
    /// So often what was expected is believed, and so far around it is looked.
    private static let limit = 12

    init(_ count: Int) { isTaken = Array(repeating: false, count: count) }

    /// Another one is looked for, at `place` or near it.
    mutating func begin(at place: Int) {
        guesses = 0
        expect(at: place)
    }

    /// It is at `place`, by what was found last.
    mutating func expect(at place: Int) {
        guard !isTaken.isEmpty else { return }
        expected = min(max(place, 0), isTaken.count - 1)
    }

    /// A place that was not taken yet; nil: all were.
    mutating func next() -> Int? {
        if let expected, guesses < LikelyPlaces.limit {
            guesses += 1
            for distance in 0...LikelyPlaces.limit {
                for place in [expected + distance, expected - distance]
                where isTaken.indices.contains(place) && !isTaken[place] {
                    isTaken[place] = true
                    return place
                }
            }
        }
        while first < isTaken.count, isTaken[first] { first += 1 }
        guard first < isTaken.count else { return nil }
        isTaken[first] = true
        return first
    }
}

extension IPAddress {
    /// By how many it is behind `other` of the same network of 64 bits (IPv6) or of all (IPv4); nil: it is of none.
    func distance(from other: IPAddress) -> Int? {
        guard family == other.family, bytes.dropLast(8) == other.bytes.dropLast(8) else { return nil }
        let value = { (address: IPAddress) in address.bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        let (near, far) = (value(other), value(self))
        return Int(clamping: near <= far ? Int64(clamping: far - near) : -Int64(clamping: near - far))
    }
}
