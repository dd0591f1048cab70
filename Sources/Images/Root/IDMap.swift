/// Users and groups of a container whose root is not the host's (man 7 user_namespaces).
public struct IDMap: Hashable, Sendable {
    /// `count` ids from `inside` on are those from `outside` on to the host.
    public struct Range: Hashable, Sendable {
        public let inside: UInt32
        public let outside: UInt32
        public let count: UInt32

        public init(inside: UInt32, outside: UInt32, count: UInt32) {
            self.inside = inside
            self.outside = outside
            self.count = count
        }
    }

    public let users: [Range]
    public let groups: [Range]

    public init(users: [Range], groups: [Range]) {
        self.users = users
        self.groups = groups
    }

    /// What the kernel shows for an id that has none.
    static let nobody: UInt32 = 65534

    /// The host's ids of the container's root.
    public var root: (user: UInt32, group: UInt32) {
        (IDMap.outside(0, users) ?? IDMap.nobody, IDMap.outside(0, groups) ?? IDMap.nobody)
    }

    /// The last group inside that sysctls take.
    public var lastGroup: UInt32 { min(groups.reduce(0) { $0 + $1.count } - 1, 2_147_483_647) }

    static func outside(_ id: UInt32, _ ranges: [Range]) -> UInt32? {
        for range in ranges where id >= range.inside && id - range.inside < range.count {
            return range.outside + (id - range.inside)
        }
        return nil
    }

    static func inside(_ id: UInt32, _ ranges: [Range]) -> UInt32? {
        for range in ranges where id >= range.outside && id - range.outside < range.count {
            return range.inside + (id - range.outside)
        }
        return nil
    }
}

// MARK: archives: owners in them are the container's, on the host the host's.

extension IDMap {
    func insideEntry(_ entry: TarEntry) -> TarEntry {
        var entry = entry
        entry.user = IDMap.inside(entry.user, users) ?? IDMap.nobody
        entry.group = IDMap.inside(entry.group, groups) ?? IDMap.nobody
        return entry
    }

    /// Throws 400 for an owner that the container's range has no id for.
    func outsideEntry(_ entry: TarEntry) throws(ImageError) -> TarEntry {
        var entry = entry
        guard let user = IDMap.outside(entry.user, users), let group = IDMap.outside(entry.group, groups) else {
            throw ImageError(
                400,
                "the archive has \(entry.name.shown) as a file of user \(entry.user), group \(entry.group), and the container's range of ids ends before: give the range more ids (/etc/subuid, /etc/subgid), or the file another owner"
            )
        }
        entry.user = user
        entry.group = group
        entry.attributes = entry.attributes.map { ($0.key, outsideAttribute($0.key, $0.value)) }
        return entry
    }

    private static let capability = Array("security.capability".utf8)

    /// A file's capabilities hold in the user namespace whose root is written in them (linux/capability.h, vfs_ns_cap_data);
    /// in an archive they are those of its own root, without a number.
    func insideAttribute(_ key: Name, _ value: [UInt8]) -> [UInt8] {
        guard key == IDMap.capability, value.count == 24, value[3] == 3 else { return value }
        let owner = value[20...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard owner == root.user else { return value }
        return value[..<3] + [2] + value[4..<20]
    }

    private func outsideAttribute(_ key: Name, _ value: [UInt8]) -> [UInt8] {
        guard key == IDMap.capability, value.count == 20, value[3] == 2 else { return value }
        let owner = root.user
        return value[..<3] + [3] + value[4...] + [0, 8, 16, 24].map { UInt8(owner >> $0 & 0xff) }
    }
}
