/// What berth-firewalld is asked to do: text, a line a thing. Neither zones nor sources have spaces in their names.
public struct FirewalldRequest: Hashable, Sendable {
    public enum Verb: String, Sendable {
        /// Which zones there are, and which sources they have.
        case look
        /// The bindings hold; or, refused, none that did not hold before.
        case add
        /// They do not.
        case remove
    }
    public let verb: Verb
    public let bindings: [FirewalldBinding]

    public init(_ verb: Verb, _ bindings: [FirewalldBinding] = []) {
        self.verb = verb
        self.bindings = bindings
    }

    public var text: String {
        ([verb.rawValue] + bindings.map { "\($0.zone) \($0.source)" }).map { $0 + "\n" }.joined()
    }

    /// Nil for a text that is no request.
    public init?(reading text: String) {
        let lines = text.split(separator: "\n")
        guard let verb = lines.first.flatMap({ Verb(rawValue: String($0)) }) else { return nil }
        var bindings: [FirewalldBinding] = []
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 2 else { return nil }
            bindings.append(FirewalldBinding(zone: parts[0], source: parts[1]))
        }
        self.init(verb, bindings)
    }
}

/// What firewalld has now: berth-firewalld's answer to `look`.
public struct FirewalldState: Hashable, Sendable {
    public var zones: [String]
    public var bindings: [FirewalldBinding]

    public init(zones: [String] = [], bindings: [FirewalldBinding] = []) {
        self.zones = zones
        self.bindings = bindings
    }

    public var lines: [String] {
        zones.map { "zone \($0)" } + bindings.map { "source \($0.zone) \($0.source)" }
    }

    public init(lines: [String]) {
        self.init()
        for line in lines {
            let parts = line.split(separator: " ").map(String.init)
            switch (parts.first, parts.count) {
            case ("zone", 2): zones.append(parts[1])
            case ("source", 3): bindings.append(FirewalldBinding(zone: parts[1], source: parts[2]))
            default: continue
            }
        }
    }

    /// The bindings of exactly that address, however they are spelt.
    public func bindings(of source: ZoneSource) -> [FirewalldBinding] {
        bindings.filter { $0.address == source.address }
    }

    /// Is the address a source of its zone?
    public func has(_ source: ZoneSource) -> Bool { bindings(of: source).contains { $0.zone == source.zone } }
}
