import NetCore

/// A kernel in memory, for the laws of the plan: it keeps what stands where and whose it is, and fails when told to. It
/// knows nothing of packets; that a law holds counts only on the running kernel.
public struct FakeKernel: Kernel {
    /// Something that stands: a link, an address, a parameter, an element …
    public struct Object: Hashable, Sendable {
        public let value: String
        /// The link, as "place name", that it goes with.
        public let on: String?
        /// The alias or comment by which a sweep recognises it.
        public let tag: String?
    }

    /// What stands, by what identifies it. Tests may plant and take away.
    public var objects: [String: Object]
    /// The step that fails from now on, counted from 1: a resource each, and the netfilter transaction last. Nil: none.
    public var failingStep: Int?
    private var step = 0
    /// The way back of the apply that goes on, newest last.
    private var undo: [(key: String, object: Object?)] = []

    public init() {
        objects = ["link container lo": Object(value: "down", on: nil, tag: nil)]
    }

    /// An object of somebody else's.
    public mutating func plant(_ key: String, _ value: String) {
        objects[key] = Object(value: value, on: nil, tag: nil)
    }

    // MARK: the verbs

    public mutating func apply(_ plan: Plan) throws(ApplyFailure) {
        step = 0
        undo = []
        do throws(ApplyFailure) {
            try attempt(plan)
        } catch {
            for (key, object) in undo.reversed() { objects[key] = object }
            throw error
        }
    }

    private mutating func attempt(_ plan: Plan) throws(ApplyFailure) {
        do throws(KernelError) {
            for resource in plan.shared { try make(resource, owned: false) }
            for resource in plan.owned { try make(resource, owned: true) }
            try nextStep("commit the nftables transaction")
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        let changes = plan.netfilter
        guard !changes.isEmpty else { return }
        for element in changes.owned {
            if let holder = holder(of: element) { throw ApplyFailure(cause(element, holder, plan.owner)) }
        }
        for family in changes.families {
            objects["nftables table \(family)"] = Object(value: BerthTable.name, on: nil, tag: nil)
        }
        for chain in changes.chains { objects["nftables chain \(chain.name)"] = FakeKernel.chain(chain) }
        for chain in changes.adminChains {
            objects["nftables call of \(chain)"] = Object(value: "jump", on: nil, tag: nil)
        }
        for key in changes.absent { objects[FakeKernel.key(key)] = nil }
        for element in changes.shared { objects[FakeKernel.key(element)] = FakeKernel.object(element) }
        for element in changes.owned { objects[FakeKernel.key(element)] = FakeKernel.object(element) }
    }

    private mutating func nextStep(_ operation: String) throws(KernelError) {
        step += 1
        if step == failingStep {
            throw KernelError(operation, Errno(5), "the fake kernel was told to fail at step \(step)")
        }
    }

    /// Shared things stay when the apply fails later; everything else is put back as it was.
    private mutating func make(_ resource: Resource, owned: Bool) throws(KernelError) {
        try nextStep(resource.words)
        for fact in resource.facts {
            if fact.isNew, objects[fact.key] != nil { throw KernelError("add \(fact.key)", .alreadyExists) }
            if let needed = fact.on, objects["link \(needed)"] == nil {
                throw KernelError("look up link \(needed)", .noSuchDevice)
            }
            if owned { undo.append((fact.key, objects[fact.key])) }
            objects[fact.key] = Object(value: fact.value, on: fact.on, tag: fact.tag)
        }
    }

    public mutating func findings(_ plan: Plan) throws(KernelError) -> [Finding] {
        var found: [Finding] = []
        for fact in plan.resources.flatMap(\.facts) {
            let seen = objects[fact.key]
            if seen?.value != fact.value {
                found.append(Finding(fact.key, expected: fact.value, found: seen?.value ?? "absent"))
            }
            if let tag = fact.tag, let seen, seen.tag != tag {
                found.append(Finding(fact.key, expected: "alias \(tag)", found: seen.tag ?? "no alias"))
            }
        }
        let changes = plan.netfilter
        for family in changes.families where objects["nftables table \(family)"] == nil {
            found.append(
                Finding("nftables table \(family) \(BerthTable.name)", expected: "exists", found: "no such table"))
        }
        for key in changes.absent where objects[FakeKernel.key(key)] != nil {
            found.append(Finding(FakeKernel.key(key), expected: "absent", found: "present"))
        }
        let wanted =
            changes.chains.map { ("nftables chain \($0.name)", FakeKernel.chain($0)) }
            + changes.adminChains.map { ("nftables call of \($0)", Object(value: "jump", on: nil, tag: nil)) }
            + (changes.shared + changes.owned).map { (FakeKernel.key($0), FakeKernel.object($0)) }
        for (key, object) in wanted where objects[key] != object {
            found.append(Finding(key, expected: object.value, found: objects[key]?.value ?? "absent"))
        }
        return found
    }

    public mutating func sweep(_ owner: Owner, keys: [NftElementKey]?) throws(Failures) {
        let known = keys.map { Set($0.map(FakeKernel.key)) }
        removeElements { key, tag in tag.hasPrefix(owner.commentPrefix) && known?.contains(key) != false }
        if owner.shapes {
            for place in ["qdisc", "ingress"] { objects["\(place) of \(owner.attachment.hostInterface)"] = nil }
        }
        let inner = owner.livesInContainer ? "link container \(owner.attachment.interface)" : nil
        guard let link = inner ?? owner.hostLink.map({ "link host \($0)" }) else { return }
        if let found = objects[link], found.tag == owner.alias || found.tag == nil { remove(link) }
    }

    public mutating func sweep(plugin: String, network: String, except valid: Set<Attachment>) throws(Failures) {
        let kept = Set(valid.map { Owner(plugin: plugin, attachment: $0) })
        let prefix = "\(plugin) \(Attachment.networkTag(network))-"
        removeElements { _, tag in tag.hasPrefix(prefix) && !kept.contains { tag.hasPrefix($0.commentPrefix) } }
        let aliases = Set(kept.map(\.alias))
        let heads = ["berth:\(plugin)/\(network)/", "berth:\(plugin)/\(Attachment.networkTag(network))-"]
        for (key, object) in objects where key.hasPrefix("link host ") {
            guard let tag = object.tag, !aliases.contains(tag), heads.contains(where: tag.hasPrefix) else { continue }
            remove(key)
        }
    }

    // MARK: removing

    /// With the chains of a network or subnet to which they alone lead.
    private mutating func removeElements(where isDead: (_ key: String, _ tag: String) -> Bool) {
        let elements = objects.filter { $0.key.hasPrefix("element ") }
        let dead = elements.filter { element in element.value.tag.map { isDead(element.key, $0) } ?? false }
        for key in dead.keys { objects[key] = nil }
        let kept = Set(elements.filter { dead[$0.key] == nil }.values.compactMap(\.chain))
        for chain in dead.values.compactMap(\.chain) where !kept.contains(chain) {
            objects["nftables chain \(chain)"] = nil
        }
    }

    /// With everything that stands on it, and a cable with its other end.
    private mutating func remove(_ link: String) {
        guard let object = objects.removeValue(forKey: link) else { return }
        let name = String(link.dropFirst("link ".count))
        for (key, other) in objects where other.on == name { objects[key] = nil }
        if let end = FakeKernel.otherEnd(object.value) { remove("link \(end)") }
    }

    private static func otherEnd(_ value: String) -> String? {
        let words = value.split(separator: " ")
        guard let at = words.firstIndex(of: "to"), at + 2 < words.endIndex else { return nil }
        return "\(words[at + 1]) \(words[at + 2])"
    }

    // MARK: elements

    private static func key(_ element: NftElement) -> String { key(element.identity) }
    private static func key(_ key: NftElementKey) -> String {
        let text = { (bytes: [UInt8]) in hex(bytes, digits: bytes.count * 2) }
        return "element \(key.set) \(text(key.key))\(key.keyEnd.map { "-" + text($0) } ?? "")"
    }
    private static func object(_ element: NftElement) -> Object {
        Object(value: element.command(table: BerthTable.name), on: nil, tag: element.comment)
    }
    private static func chain(_ chain: NftChain) -> Object {
        Object(value: chain.ruleCommands(table: BerthTable.name).joined(by: "; "), on: nil, tag: nil)
    }

    /// The tag of an element that takes the same key or, in a port map, the same port.
    private func holder(of element: NftElement) -> String?? {
        if let same = objects[FakeKernel.key(element)] { return same.tag }
        guard let claim = FakePort(element.identity) else { return nil }
        for (key, object) in objects {
            if let other = FakePort(text: key), other.overlaps(claim) { return object.tag }
        }
        return nil
    }

    private func cause(_ element: NftElement, _ holder: String?, _ owner: Owner) -> ApplyFailure.Cause {
        let what = element.key.map(\.description).joined(by: " ")
        if holder?.hasPrefix(owner.commentPrefix) == true { return .attached(what: what) }
        let words = holder?.split(separator: " ", maxSplits: 2).map(String.init) ?? []
        return .taken(what: what, holder: words.last ?? "somebody unknown")
    }
}

extension FakeKernel.Object {
    /// Where an element's verdict leads.
    fileprivate var chain: String? {
        let words = value.split(separator: " ")
        guard let at = words.lastIndex(of: "jump"), words.indices.contains(at + 1) else { return nil }
        return String(words[at + 1])
    }
}

/// Ports that an element of a port map takes, read from its set's name and key: the fake's own view of cni.md N-3.
private struct FakePort {
    let family: Character
    let address: String
    let proto: String
    let ports: ClosedRange<Int>

    init?(_ key: NftElementKey) { self.init(set: key.set, key.key, key.keyEnd ?? key.key) }

    init?(text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, words[0] == "element" else { return nil }
        let ends = words[2].split(separator: "-").map { digits in
            stride(from: 0, to: digits.utf8.count - 1, by: 2).compactMap {
                UInt8(digits.dropFirst($0).prefix(2), radix: 16)
            }
        }
        guard let first = ends.first, let last = ends.last else { return nil }
        self.init(set: String(words[1]), first, last)
    }

    private init?(set: String, _ first: [UInt8], _ last: [UInt8]) {
        guard set.hasPrefix("fwd_") || set.hasPrefix("range_"), let family = set.last, first.count >= 8 else {
            return nil
        }
        self.family = family
        let tail = first.count - 8
        address = tail == 0 ? "any" : hex(Array(first[..<tail]), digits: 64)
        proto = "\(first[tail])"
        ports = (Int(first[tail + 4]) << 8 | Int(first[tail + 5]))...(Int(last[tail + 4]) << 8 | Int(last[tail + 5]))
    }

    func overlaps(_ other: FakePort) -> Bool {
        family == other.family && proto == other.proto && ports.overlaps(other.ports)
            && (address == "any" || other.address == "any" || address == other.address)
    }
}
