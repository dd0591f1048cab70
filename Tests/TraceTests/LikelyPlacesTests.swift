import NetCore
import Testing

@testable import Explain

@Suite("Explain: where the one of a thousand is looked for first")
struct LikelyPlacesTests {
    /// How many places are looked at until the one with `wanted` is found; nil: it is nowhere.
    private func looks(for wanted: Int, in values: [Int]) -> Int? {
        var places = LikelyPlaces(values.count)
        places.begin(at: wanted)
        var count = 0
        while let place = places.next() {
            count += 1
            if values[place] == wanted { return count }
            places.expect(at: place + wanted - values[place])
        }
        return nil
    }

    @Test("what grows with the place is found at once, from wherever it begins")
    func ascending() {
        let values = Array(500..<1500)
        for wanted in [500, 501, 777, 1499] { #expect(looks(for: wanted, in: values)! <= 2) }
        #expect(looks(for: 1500, in: values) == nil)
    }

    @Test("with gaps it is found soon, and without any order at the latest after all")
    func others() {
        // Every tenth is missing, as containers that have gone.
        let gaps = (0..<1000).filter { $0 % 10 != 3 }
        for wanted in [0, 404, 999] { #expect(looks(for: wanted, in: gaps)! <= 12) }
        let reversed = Array((0..<1000).reversed())
        for wanted in [0, 500, 999] { #expect(looks(for: wanted, in: reversed)! <= 1000) }
    }

    @Test("every place comes once, whatever is expected")
    func once() {
        var places = LikelyPlaces(100)
        var taken: [Int] = []
        while let place = places.next() {
            taken.append(place)
            places.expect(at: place * 7919 - 300)
            if taken.count == 50 { places.begin(at: 99) }
        }
        #expect(taken.sorted() == Array(0..<100))
        var none = LikelyPlaces(0)
        none.begin(at: 3)
        #expect(none.next() == nil)
    }

    @Test("the distance of two addresses, of one network alone")
    func distance() {
        #expect(IPAddress("10.88.1.2")!.distance(from: IPAddress("10.88.0.250")!) == 8)
        #expect(IPAddress("0.0.0.0")!.distance(from: IPAddress("255.255.255.255")!) == -4_294_967_295)
        #expect(IPAddress("fd00::ffff:ffff:ffff:ffff")!.distance(from: IPAddress("fd00::")!) == Int.max)
        #expect(IPAddress("fd00::5")!.distance(from: IPAddress("fd00:0:0:1::4")!) == nil)
        #expect(IPAddress("fd00::5")!.distance(from: IPAddress("10.0.0.1")!) == nil)
    }
}
