import MiniRuntime
import NetCore

extension Containers {
    /// The path of its user namespace, made with the network namespace that it owns; nil: the host's users.
    func tellUsers(_ container: Container, _ now: ContainerState, _ told: inout Told) throws(APIError) -> String? {
        guard let map = now.map else { return nil }
        let shared = try sharedUserNamespace(now)
        let users = shared ?? "\(home.run)/userns/\(container.id)"
        let hasNetwork = !(now.host["NetworkMode"]?.string ?? "").hasPrefix("container:")
        let held = (shared == nil ? [("user", users)] : []) + (hasNetwork ? [("net", container.namespace)] : [])
        guard let kind = held.first?.0 else { return users }
        var commands: [String] = []
        for (_, path) in held {
            let folder = word(Files.directory(of: path))
            commands.append("mkdir -p \(folder)")
            commands.append(
                "mount --make-rshared \(folder) 2>/dev/null || { mount --rbind \(folder) \(folder) && mount --make-rshared \(folder); }"
            )
            commands.append("touch \(word(path))")
        }
        let enter = shared.map { "nsenter --user=\(word($0)) " } ?? ""
        let flags = held.map { " --\($0.0)" }.joined()
        commands.append("\(enter)unshare\(flags) sleep 60 & process=$!")
        commands.append(
            "until [ \"$(readlink /proc/$process/ns/\(kind))\" != \"$(readlink /proc/self/ns/\(kind))\" ]; do sleep 0.01; done"
        )
        for (file, ranges) in [("uid_map", map.users), ("gid_map", map.groups)] where shared == nil {
            let lines = ranges.map { "\($0.inside) \($0.outside) \($0.count)\\n" }.joined()
            commands.append("printf '\(lines)' > /proc/$process/\(file)")
        }
        for (kind, path) in held { commands.append("mount --bind /proc/$process/ns/\(kind) \(word(path))") }
        commands.append("kill $process")
        let made =
            shared == nil
            ? "a user namespace, whose root is user \(map.root.user) of the host and nobody there"
            : "in the other's user namespace"
        told.step(
            made + (hasNetwork ? ", a network namespace that it owns" : "") + ", held by a bind mount", commands)
        return users
    }
}
