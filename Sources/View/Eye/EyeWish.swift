import JSON

/// What an eye is to look at, as the server says it on its command line.
public struct EyeWish: Hashable, Sendable {
    public enum What: String, Hashable, Sendable {
        case lab, host
        /// The lab's world where one stands, else this host if anything is attached to it.
        case any
    }
    public var what: What
    /// Packets may be sent though it is no lab's world.
    public var allowsProbe = false
    /// The server ends with the world: it was started by it.
    public var endsWithWorld = false
    /// The lesson or world whose end was seen; nil at the beginning.
    var gone: String?

    public init(_ what: What) { self.what = what }

    var json: JSON {
        [
            "what": .string(what.rawValue), "probe": .bool(allowsProbe), "ends": .bool(endsWithWorld),
            "gone": gone.map { .string($0) } ?? .null,
        ]
    }

    init?(_ json: JSON) {
        guard let what = json["what"]?.string.flatMap({ What(rawValue: $0) }) else { return nil }
        self.what = what
        allowsProbe = json["probe"]?.bool ?? false
        endsWithWorld = json["ends"]?.bool ?? false
        gone = json["gone"]?.string
    }
}

/// How an eye ends.
enum EyeEnd: Int32 {
    case isUnwanted = 0
    /// Something else is to be looked at now: start another one.
    case again = 75
    /// The same, and what was looked at has ended.
    case hasGone = 76
    /// The world has ended for good, and the server is to end with it.
    case over = 4
}
