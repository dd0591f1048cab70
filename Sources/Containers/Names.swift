import Glibc
import JSON

/// Names and ids of containers and volumes.
enum Names {
    /// What Docker takes for a name: [a-zA-Z0-9][a-zA-Z0-9_.-]+.
    static func isSound(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bytes.count >= 2, bytes.count <= 255, isLetterOrDigit(bytes[0]) else { return false }
        return bytes.allSatisfy { isLetterOrDigit($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    static func isHexadecimal(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// 64 hexadecimal digits by the kernel's random numbers; never digits alone in the first twelve, which would read as a number.
    static func newID() -> String {
        let digits = Array("0123456789abcdef".utf8)
        while true {
            var random = [UInt8](repeating: 0, count: 32)
            arc4random_buf(&random, 32)
            var text: [UInt8] = []
            for byte in random { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
            if text.prefix(12).contains(where: { $0 >= 0x61 }) { return String(decoding: text, as: UTF8.self) }
        }
    }

    /// A name that nobody asked for: how a harbour day may be, and what lies at a berth.
    static func generated(isTaken: (String) -> Bool) -> String {
        for attempt in 0... {
            let name = "\(qualities.randomElement()!)_\(vessels.randomElement()!)" + (attempt < 5 ? "" : "\(attempt)")
            if !isTaken(name) { return name }
        }
        preconditionFailure("names without end")
    }

    private static let qualities = [
        "amber", "anchored", "azure", "brackish", "breezy", "brisk", "calm", "clear", "coastal", "copper", "crisp",
        "drifting", "early", "easterly", "even", "fair", "fleet", "foggy", "fresh", "gentle", "gleaming", "golden",
        "grey", "hardy", "hazy", "hearty", "inland", "keen", "late", "leeward", "light", "lively", "lunar", "mellow",
        "merry", "misty", "moored", "northern", "patient", "plain", "polar", "quiet", "rapid", "ready", "roaming",
        "rolling", "rosy", "salty", "sandy", "serene", "silver", "sleek", "solar", "southern", "spry", "steady",
        "still", "stout", "sunny", "swift", "tidal", "trim", "trusty", "warm", "westerly", "windy", "wintry", "young",
    ]
    private static let vessels = [
        "barge", "bark", "boat", "brig", "buoy", "caique", "canoe", "caravel", "catamaran", "clipper", "coaster",
        "cog", "coracle", "corvette", "cutter", "dhow", "dinghy", "dory", "dredger", "ferry", "flyboat", "freighter",
        "frigate", "galleon", "galley", "gig", "gondola", "hoy", "hulk", "jolly", "junk", "kayak", "keelboat", "ketch",
        "launch", "lighter", "longship", "lugger", "packet", "pilot", "pinnace", "pontoon", "pram", "punt", "raft",
        "sampan", "schooner", "scow", "shallop", "skiff", "skipjack", "sloop", "smack", "snow", "tender", "tjalk",
        "trawler", "trimaran", "tug", "wherry", "whaler", "yacht", "yawl",
    ]
}

/// What a reference (a name, an id, a beginning of one) means among containers.
struct NameTable {
    private(set) var containers: [String: Container] = [:]
    private(set) var names: [String: String] = [:]
    /// In the order in which they were made.
    private(set) var order: [String] = []

    func find(_ reference: String) throws(APIError) -> Container {
        let wanted = reference.utf8.first == UInt8(ascii: "/") ? String(reference.dropFirst()) : reference
        if let exact = containers[wanted] { return exact }
        if let id = names[wanted], let named = containers[id] { return named }
        if Names.isHexadecimal(wanted) {
            let found = order.filter { $0.hasPrefix(wanted) }
            if found.count == 1, let only = containers[found[0]] { return only }
            if found.count > 1 {
                throw APIError(400, "Multiple IDs found with provided prefix: \(wanted): give more of the id")
            }
        }
        throw APIError(404, "No such container: \(reference)")
    }

    /// The name belongs to that id from now on. Throws 400 and 409 in Docker's words.
    mutating func reserve(_ name: String, for id: String) throws(APIError) {
        guard Names.isSound(name) else {
            throw APIError(400, "Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        if let holder = names[name], holder != id {
            throw APIError(
                409,
                "Conflict. The container name \"/\(name)\" is already in use by container \"\(holder)\". You have to remove (or rename) that container to be able to reuse that name."
            )
        }
        names[name] = id
    }

    mutating func free(_ name: String, of id: String) { if names[name] == id { names[name] = nil } }

    mutating func insert(_ container: Container) {
        if containers.updateValue(container, forKey: container.id) == nil { order.append(container.id) }
    }

    mutating func remove(_ id: String) {
        containers[id] = nil
        order.removeAll { $0 == id }
        names = names.filter { $0.value != id }
    }

    var all: [Container] { order.compactMap { containers[$0] } }
}
