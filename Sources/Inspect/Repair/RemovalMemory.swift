import Glibc
import JSON
public import NetCore

/// Who took rules of berth's away, as `berth watch` saw it: a file of the state directory, by which `berth doctor` tells since when they are
/// missing.
public struct RemovalMemory: Sendable {
    public struct Entry: Hashable, Sendable {
        /// Seconds since 1970: of the notification, or, of iptables-legacy, of when it was noticed.
        public let time: Int
        /// Nil where the kernel did not tell.
        public let process: ProcessName?
        /// What of it berth misses: as few as say it.
        public internal(set) var objects: [RuleRemoval.Object]
        /// When all was back; nil as long as nobody has seen that.
        public var restored: Int?
    }

    /// The oldest first.
    public private(set) var entries: [Entry] = []

    /// A file is never longer than so many of the last.
    static let mostEntries = 32
    private static let mostBytes = 256 << 10

    public init() {}

    static func path(_ state: StateDirectory) -> String { "\(state.path)/removals.json" }

    /// What is written there; nothing where nobody has written yet. Throws what kept it from being read.
    public init(reading state: StateDirectory) throws(KernelError) {
        let path = RemovalMemory.path(state)
        let bytes = try ignoring(.noSuchFile) { () throws(KernelError) in
            try Files.read(path, limit: RemovalMemory.mostBytes)
        }
        guard let bytes else { return }
        guard let json = try? JSON(parsing: bytes), json["version"]?.integer == 1, let list = json["removals"]?.array
        else { throw KernelError("read \(path)", .invalidArgument, "it is no list of berth watch's") }
        for one in list {
            guard let entry = Entry(one) else {
                throw KernelError("read \(path)", .invalidArgument, "an entry of it is none of berth watch's")
            }
            entries.append(entry)
        }
    }

    /// The file is changed by one at a time; one that cannot be read is begun anew. Throws what kept it from being written.
    static func change(_ state: StateDirectory, _ body: (inout RemovalMemory) -> Void) throws(KernelError) {
        try Files.makeDirectories(state.locks, mode: 0o700)
        let lock = try FileLock("\(state.locks)/removals", .exclusive)
        defer { withExtendedLifetime(lock.descriptor) {} }
        var memory = RemovalMemory()
        do throws(KernelError) { memory = try RemovalMemory(reading: state) } catch {}
        let before = memory.entries
        body(&memory)
        memory.entries = memory.entries.suffix(RemovalMemory.mostEntries)
        guard memory.entries != before else { return }
        let json: JSON = ["version": 1, "removals": .array(memory.entries.map(\.json))]
        try Files.replace(path(state), with: json.bytes)
    }

    mutating func add(_ new: [Entry]) { entries += new }

    /// Whatever was missing is there. Throws what kept it from being written.
    static func closeAll(_ state: StateDirectory) throws(KernelError) {
        // Nearly always there is nothing to be closed, and then no lock is taken and nothing is written.
        guard Files.exists(path(state)) else { return }
        do throws(KernelError) {
            guard try RemovalMemory(reading: state).entries.contains(where: { $0.restored == nil }) else { return }
        } catch {
            // What cannot be read is for who remembers the next thing to begin anew.
            return
        }
        try change(state) { memory in
            for index in memory.entries.indices where memory.entries[index].restored == nil {
                memory.entries[index].restored = time(nil)
            }
        }
    }

    // MARK: what is missing, and who took it

    /// The first of those not known to be restored that took what a finding misses. `object` is how the finding begins.
    public func cause(of object: String) -> Entry? {
        entries.first { entry in entry.restored == nil && entry.objects.contains { $0.holds(object) } }
    }

    /// For what nobody is known for yet: by each removal the objects of it that are missed. Of iptables-legacy, which tells nothing, that it
    /// was noticed now.
    func entries(of removals: [RuleRemoval], missing objects: [String], now: Int) -> [Entry] {
        var left = Set(objects.filter { cause(of: $0) == nil })
        var found: [Entry] = []
        // Who deletes one container's elements by the way is not who emptied the table; plugins are asked last.
        for isOwn in [false, true] {
            for removal in removals where RemovalMemory.isOwn(removal.process) == isOwn {
                let taken = removal.objects.filter { object in left.contains { object.holds($0) } }
                guard !taken.isEmpty else { continue }
                left = left.filter { missed in !taken.contains { $0.holds(missed) } }
                // A program that empties three tables needs three transactions.
                if let same = found.firstIndex(where: { $0.process == removal.process && removal.process != nil }) {
                    let all = taken.union(found[same].objects)
                    found[same].objects = RemovalMemory.fewest(all)
                } else {
                    found.append(
                        Entry(time: removal.time, process: removal.process, objects: RemovalMemory.fewest(taken)))
                }
            }
        }
        let silent = Set(left.compactMap(RuleRemoval.Object.init(legacy:)))
        if !silent.isEmpty { found.append(Entry(time: now, process: nil, objects: RemovalMemory.fewest(silent))) }
        return found.sorted { $0.time < $1.time }
    }

    private static func isOwn(_ process: ProcessName?) -> Bool {
        guard let name = process?.name else { return false }
        return name.hasPrefix("berth") || OwnPlugins.types.contains(name)
    }

    /// A table says all that was in it; of more than four in one table it is enough that there were many.
    private static func fewest(_ objects: Set<RuleRemoval.Object>) -> [RuleRemoval.Object] {
        var found: [RuleRemoval.Object] = []
        for (_, these) in Dictionary(grouping: objects, by: { "\($0.family) \($0.table)" }) {
            if let table = these.first(where: { $0.kind == .table }) {
                found.append(table)
            } else if these.count > 4, let first = these.first {
                let isRules = these.contains { $0.kind == .rule || $0.kind == .chain }
                found.append(RuleRemoval.Object(isRules ? .rule : .element, first.family, first.table))
            } else {
                found += these
            }
        }
        return found.sorted { "\($0)" < "\($1)" }
    }
}

extension RemovalMemory.Entry {
    /// iptables-legacy: somebody has let go of its lock, and nothing tells who.
    public var isSilent: Bool { objects.contains { $0.family.hasSuffix("-legacy") } }

    /// "since 2026-11-28T09:14:02Z, changed by pid 812 firewalld".
    public var since: String {
        let time = UniversalTime.text(time)
        if isSilent { return "since \(time) at the latest, by whom iptables-legacy tells nobody" }
        guard let process else { return "since \(time), by whom is not known: notifications of the kernel were lost" }
        return "since \(time), changed by \(process)"
    }

    /// For the log: "2026-11-28T09:14:02Z: table inet berth: deleted by pid 812 firewalld".
    var words: String {
        let what = objects.map(\.description).joined(by: ", ")
        let who =
            isSilent
            ? "missing; iptables-legacy tells nobody who changes its tables"
            : process.map { "deleted by \($0)" }
                ?? "deleted; by whom is not known: notifications of the kernel were lost"
        return "\(UniversalTime.text(time)): \(what): \(who)"
    }

    var json: JSON {
        var object: JSONObject = [
            "time": .integer(Int64(time)), "process": process?.json ?? .null, "objects": .array(objects.map(\.json)),
        ]
        if let restored { object["restored"] = .integer(Int64(restored)) }
        return .object(object)
    }

    init?(_ json: JSON) {
        guard let time = json["time"]?.integer, let list = json["objects"]?.array else { return nil }
        var objects: [RuleRemoval.Object] = []
        for one in list {
            guard let kind = one["kind"]?.string.flatMap(RuleRemoval.Object.Kind.init(rawValue:)),
                let family = one["family"]?.string, let table = one["table"]?.string
            else { return nil }
            objects.append(RuleRemoval.Object(kind, family, table, one["name"]?.string ?? ""))
        }
        (self.time, self.objects, restored) = (Int(time), objects, json["restored"]?.integer.map { Int($0) })
        process = json["process"].flatMap(ProcessName.init(json:))
    }
}

extension ProcessName {
    fileprivate var json: JSON {
        var object: JSONObject = ["pid": .integer(Int64(pid)), "name": .string(name)]
        if let parent {
            object["parent"] = ["pid": .integer(Int64(parent.pid)), "name": .string(parent.name)]
        }
        return .object(object)
    }

    fileprivate init?(json: JSON) {
        let known = { (json: JSON) -> (Int32, String)? in
            guard let pid = json["pid"]?.integer.flatMap({ Int32(exactly: $0) }), let name = json["name"]?.string else {
                return nil
            }
            return (pid, name)
        }
        guard let (pid, name) = known(json) else { return nil }
        self.init(
            pid: pid, name: name, parent: json["parent"].flatMap(known).map { Parent(pid: $0.0, name: $0.1) })
    }
}
