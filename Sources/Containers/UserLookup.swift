import CContainer
import Glibc
import Images
import JSON
import NetCore

/// Who a container's process is, by the root's own /etc/passwd and /etc/group.
struct ContainerUser {
    var uid: Int64 = 0
    var gid: Int64 = 0
    var groups: [Int64] = []
    var home = "/"

    init() {}

    /// `user` is a name or number, with `:group` or without; `extra` are --group-add's. Throws 400 for a name that the root does not have.
    init(_ user: String, in root: String, extra: [String]) throws(APIError) {
        try self.init(user, extra) { ContainerUser.content($0, in: root) }
    }

    /// As above, in a root that is not mounted.
    init(_ user: String, in root: LayeredRoot, extra: [String]) throws(APIError) {
        try self.init(user, extra) { root.read($0, limit: 4 << 20) }
    }

    private init(_ user: String, _ extra: [String], _ content: (String) -> [UInt8]?) throws(APIError) {
        let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let people = ContainerUser.table(content("etc/passwd"))
        let bands = ContainerUser.table(content("etc/group"))
        let who = parts.first ?? ""
        let entry =
            people.first { $0.count > 3 && ($0[0] == who || who.isEmpty && $0[2] == "0") }
            ?? people.first { $0.count > 3 && $0[2] == who }
        if let entry, let uid = Int64(entry[2]), let gid = Int64(entry[3]) {
            self.uid = uid
            self.gid = gid
            if entry.count > 5, !entry[5].isEmpty { home = entry[5] }
            groups = bands.filter { $0.count > 3 && $0[3].split(separator: ",").contains { $0 == entry[0] } }
                .compactMap { Int64($0[2]) }
        } else if !who.isEmpty {
            guard let number = Int64(who), (0...Int64(UInt32.max) - 1).contains(number) else {
                throw APIError(
                    400,
                    "unable to find user \(who): no matching entries in passwd file: name one of the image's users, or a number"
                )
            }
            uid = number
        }
        if parts.count > 1, !parts[1].isEmpty {
            gid = try ContainerUser.group(parts[1], bands)
            groups = []
        }
        for name in extra { groups.append(try ContainerUser.group(name, bands)) }
    }

    private static func group(_ name: String, _ bands: [[String]]) throws(APIError) -> Int64 {
        if let found = bands.first(where: { $0.count > 2 && $0[0] == name }), let gid = Int64(found[2]) { return gid }
        guard let number = Int64(name), (0...Int64(UInt32.max) - 1).contains(number) else {
            throw APIError(
                400,
                "unable to find group \(name): no matching entries in group file: name one of the image's groups, or a number"
            )
        }
        return number
    }

    /// The lines of a file, in fields; none when it is not there.
    private static func table(_ content: [UInt8]?) -> [[String]] {
        String(decoding: content ?? [], as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// A file of the root; nil when it is not there. Links are followed inside the root alone.
    private static func content(_ path: String, in root: String) -> [UInt8]? {
        let directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        let inRoot: UInt64 = 0x10 | 0x02  // RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS
        let file = berth_openat2(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, inRoot)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var information = stat()
        guard fstat(file, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { return nil }
        do throws(KernelError) { return try Files.read(file, limit: 4 << 20, operation: "read \(path)") } catch {
            return nil
        }
    }
}
