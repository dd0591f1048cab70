import Glibc
import Images
import JSON
import MiniRuntime
import NetCore

// Containers whose root is not the host's: a user namespace each, with one range of the host's ids for all.
extension Containers {
    /// The ids of the container that is asked for; nil: the host's own. Throws 400 for what does not go with others.
    func map(for host: JSONObject) throws(APIError) -> IDMap? {
        let map: IDMap
        switch host["UsernsMode"]?.string ?? "" {
        case "host": return nil
        case "private":
            if let remap {
                map = remap
            } else {
                do throws(APIError) { map = try SubordinateIDs.map("default") } catch {
                    throw APIError(
                        400,
                        "HostConfig.UsernsMode private, and this daemon has no range of ids (--userns-remap): \(error)")
                }
            }
        default:
            guard let remap else { return nil }
            map = remap
        }
        let mend = "add --userns=host to run it with the host's users"
        if host["Privileged"]?.bool == true {
            throw APIError(400, "privileged mode is incompatible with user namespaces: \(mend)")
        }
        for (key, what) in [("NetworkMode", "network"), ("PidMode", "PID"), ("CgroupnsMode", "cgroup")]
        where host[key]?.string == "host" {
            throw APIError(
                400, "cannot share the host's \(what) namespace when user namespaces are enabled: \(mend)")
        }
        for key in Containers.sharedKeys {
            guard let other = try other(host[key]?.string ?? "", key), other.now.map != map else { continue }
            throw APIError(
                400,
                "cannot share a namespace of container \(other.shortID) (\(key)): its users are \(other.now.map == nil ? "the host's" : "in another range"), and so are the rights over its namespaces: \(other.now.map == nil ? mend : "make it anew")"
            )
        }
        return map
    }

    /// Throws 400 for a user or group that the container's range has not.
    static func judge(_ user: ContainerUser, _ map: IDMap?) throws(APIError) {
        guard let map else { return }
        let ids = [("user", [user.uid], map.users), ("group", [user.gid] + user.groups, map.groups)]
        for (kind, numbers, ranges) in ids {
            let count = ranges.reduce(Int64(0)) { $0 + Int64($1.count) }
            guard let beyond = numbers.first(where: { $0 >= count }) else { continue }
            throw APIError(
                400,
                "\(kind) \(beyond) is none of the container, whose user namespace has \(count): take a lower one, give the range more (/etc/subuid, /etc/subgid), or add --userns=host"
            )
        }
    }

    /// Throws 500 where this kernel makes no user namespace with the daemon's map.
    public func judgeRemap() throws(APIError) {
        guard let remap else { return }
        try Faults.kernel("--userns-remap") { () throws(KernelError) in _ = try UserNamespace(remap) }
    }

    private static let sharedKeys = ["NetworkMode", "PidMode", "IpcMode"]

    /// The path of its user namespace, with the network namespace that this owns when it has one of its own; nil: the host's.
    func makeUserNamespace(_ container: Container, _ undo: inout Undo) throws(APIError) -> String? {
        let now = container.now
        guard let map = now.map else { return nil }
        let shared = try sharedUserNamespace(now)
        let mode = now.host["NetworkMode"]?.string ?? ""
        undo.add { [self] in forgetNamespaces(container) }
        return try Faults.kernel("make the user namespace of container \(container.shortID)") {
            () throws(KernelError) -> String in
            let space: UserNamespace
            let path: String
            if let shared {
                space = try UserNamespace(open: shared)
                path = shared
            } else {
                space = try UserNamespace(map)
                path = try space.hold(container.id, directory: "\(home.run)/userns")
            }
            if !mode.hasPrefix("container:") {
                try space.holdNetwork(container.id, directory: "\(home.run)/netns")
            }
            return path
        }
    }

    /// Whoever shares a namespace has the user namespace that owns it. Throws 409 for those of two.
    func sharedUserNamespace(_ now: ContainerState) throws(APIError) -> String? {
        var found: (path: String, inode: UInt)?
        for key in Containers.sharedKeys {
            guard let other = try other(now.host[key]?.string ?? "", key) else { continue }
            guard other.now.isAlive else {
                throw APIError(409, "cannot join the namespaces of a non running container: \(other.shortID)")
            }
            let path = "/proc/\(other.now.pid)/ns/user"
            var information = stat()
            guard stat(path, &information) == 0 else { throw APIError(409, "look at \(path): \(Errno.current)") }
            guard found == nil || found?.inode == UInt(information.st_ino) else {
                throw APIError(
                    409,
                    "cannot share namespaces of two containers that have a user namespace each: share those of one of them, or add --userns=host to all"
                )
            }
            found = (path, UInt(information.st_ino))
        }
        return found?.path
    }

    /// The names of its namespaces are gone; done again it does nothing.
    func forgetNamespaces(_ container: Container) {
        for directory in ["\(home.run)/netns", "\(home.run)/userns"] where Files.exists("\(directory)/\(container.id)")
        {
            do throws(KernelError) { try NamedNamespace.remove(container.id, directory: directory) } catch {}
        }
    }
}

extension UserNamespace {
    init(_ map: IDMap) throws(KernelError) {
        func lines(_ ranges: [IDMap.Range]) -> String {
            ranges.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined()
        }
        try self.init(users: lines(map.users), groups: lines(map.groups))
    }
}

extension ContainerRoot {
    /// The root is mounted, and its files have the owners that the container's map says. `userNamespace`: the path of one with that map;
    /// without it one is made for the time.
    func mount(over layers: [String], _ map: IDMap?, userNamespace: String?) throws(ImageError) {
        guard let map else { return try mount(over: layers) }
        let outcome: Result<Void, ImageError> = {
            do throws(KernelError) {
                let space: UserNamespace
                if let userNamespace {
                    space = try UserNamespace(open: userNamespace)
                } else {
                    space = try UserNamespace(map)
                }
                do throws(ImageError) {
                    return .success(try mount(over: layers, userNamespace: space.descriptor.number))
                } catch {
                    return .failure(error)
                }
            } catch {
                return .failure(ImageError(500, "\(error)"))
            }
        }()
        try outcome.get()
    }
}

// MARK: written down

extension IDMap {
    var json: JSON {
        func list(_ ranges: [Range]) -> JSON {
            .array(ranges.map { [.integer(Int64($0.inside)), .integer(Int64($0.outside)), .integer(Int64($0.count))] })
        }
        return ["users": list(users), "groups": list(groups)]
    }

    /// Nil for what is no map.
    init?(_ json: JSON?) {
        func ranges(_ key: String) -> [Range]? {
            guard let list = json?[key]?.array, !list.isEmpty else { return nil }
            var ranges: [Range] = []
            for one in list {
                let numbers = (one.array ?? []).compactMap { $0.integer.flatMap { UInt32(exactly: $0) } }
                guard numbers.count == 3 else { return nil }
                ranges.append(Range(inside: numbers[0], outside: numbers[1], count: numbers[2]))
            }
            return ranges
        }
        guard let users = ranges("users"), let groups = ranges("groups") else { return nil }
        self.init(users: users, groups: groups)
    }
}
