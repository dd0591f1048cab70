import Glibc
import Images
import JSON
import NetCore
import Synchronization

/// A place of the host in the container: what -v, --mount, --tmpfs and an image's VOLUME come to.
struct MountWish {
    enum Kind: String { case bind, volume, tmpfs }
    var kind: Kind
    /// A path, or a volume's name (empty: an anonymous one is made).
    var source: String
    var target: String
    var isReadOnly = false
    var propagation = "rprivate"
    var options: [String] = []
    /// An empty volume gets what the image has there.
    var copies = true
    /// By `Config.Volumes`: what comes from another container goes before it.
    var isImplied = false
    /// A bind's source is made when it is missing (-v does, --mount does not).
    var makesSource = false
}

extension Wish {
    /// Every mount that is asked for; targets are absolute and each is there once.
    func mounts() throws(APIError) -> [MountWish] {
        var found: [MountWish] = []
        let body = Body(host, at: "HostConfig")
        for text in try body.texts("Binds") { found.append(try Wish.bind(text)) }
        for mount in try body.bodies("Mounts") { found.append(try Wish.mount(mount)) }
        for (target, options) in try body.pairs("Tmpfs") {
            var one = MountWish(kind: .tmpfs, source: "tmpfs", target: target)
            one.options = options.split(separator: ",").map(String.init)
            found.append(one)
        }
        for (target, _) in config["Volumes"]?.object ?? JSONObject()
        where !found.contains(where: { $0.target == target }) {
            var one = MountWish(kind: .volume, source: "", target: target)
            one.isImplied = true
            found.append(one)
        }
        var seen = Set<String>()
        for mount in found {
            guard mount.target.hasPrefix("/"), mount.target != "/" else {
                throw APIError(
                    400, "invalid mount config: mount path must be absolute and not the root: '\(mount.target)'")
            }
            guard !mount.target.split(separator: "/").contains("..") else {
                throw APIError(400, "invalid mount config: mount path has '..': '\(mount.target)'")
            }
            guard seen.insert(mount.target).inserted else {
                throw APIError(400, "Duplicate mount point: \(mount.target)")
            }
        }
        return found
    }

    private static func bind(_ text: String) throws(APIError) -> MountWish {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), !parts[0].isEmpty, !parts[1].isEmpty else {
            throw APIError(400, "invalid volume specification: '\(text)': it is SOURCE:TARGET or SOURCE:TARGET:OPTIONS")
        }
        let isPath = parts[0].hasPrefix("/")
        guard isPath || Names.isSound(parts[0]) else {
            throw APIError(
                400,
                "\"\(parts[0])\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )
        }
        var one = MountWish(kind: isPath ? .bind : .volume, source: parts[0], target: parts[1])
        one.makesSource = isPath
        for option in (parts.count > 2 ? parts[2] : "").split(separator: ",").map(String.init) {
            switch option {
            case "ro": one.isReadOnly = true
            case "rw", "z", "Z", "consistent", "cached", "delegated": break
            case "nocopy": one.copies = false
            case "rbind", "bind": break
            case "private", "rprivate", "shared", "rshared", "slave", "rslave": one.propagation = option
            default: throw APIError(400, "invalid mode: \(option): a volume takes ro, rw, nocopy and a propagation")
            }
        }
        return one
    }

    private static func mount(_ body: Body) throws(APIError) -> MountWish {
        let text = try body.text("Type")
        guard let kind = MountWish.Kind(rawValue: text.isEmpty ? "volume" : text) else {
            throw APIError(400, "invalid mount config: type \(text): berth has bind, volume and tmpfs")
        }
        var one = MountWish(kind: kind, source: try body.text("Source"), target: try body.text("Target"))
        one.isReadOnly = try body.flag("ReadOnly")
        let propagation = try body.body("BindOptions").text("Propagation")
        if !propagation.isEmpty { one.propagation = propagation }
        one.makesSource = try body.body("BindOptions").flag("CreateMountpoint")
        one.copies = !(try body.body("VolumeOptions").flag("NoCopy"))
        if kind == .tmpfs {
            let options = try body.body("TmpfsOptions")
            if let size = try options.number("SizeBytes"), size > 0 { one.options.append("size=\(size)") }
            if let mode = try options.number("Mode"), mode > 0 { one.options.append("mode=\(String(mode, radix: 8))") }
        }
        if kind == .bind, !one.source.hasPrefix("/") {
            throw APIError(
                400,
                "invalid mount config for type \"bind\": invalid mount path: '\(one.source)' mount path must be absolute"
            )
        }
        if kind == .volume, !one.source.isEmpty, !Names.isSound(one.source) {
            throw APIError(
                400,
                "\"\(one.source)\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
            )
        }
        return one
    }
}

/// Named directories that outlive containers: ROOT/volumes/NAME/_data.
final class VolumeStore: Sendable {
    let directory: String
    /// One at a time makes or removes: a file beside its name has one writer.
    private let changing = Mutex(())

    init(directory: String) { self.directory = directory }

    func data(_ name: String) -> String { "\(directory)/\(name)/_data" }

    func has(_ name: String) -> Bool { Files.exists("\(directory)/\(name)/volume.json") }

    /// The volume's description. Throws 404.
    func volume(_ name: String) throws(APIError) -> JSONObject {
        do throws(KernelError) {
            let bytes = try Files.read("\(directory)/\(name)/volume.json")
            if Names.isSound(name), let object = try? JSON(parsing: bytes).object { return object }
        } catch {}
        throw APIError(404, "get \(name): no such volume")
    }

    /// There is a volume of that name: the one of before, or a new one.
    func make(
        _ name: String, labels: JSON = [:], options: JSON = [:], isAnonymous: Bool = false,
        owner: (user: UInt32, group: UInt32)? = nil
    ) throws(APIError) -> JSONObject {
        guard Names.isSound(name) else {
            throw APIError(
                400,
                "create \(name): \"\(name)\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
            )
        }
        return try alone { () throws(APIError) in
            try makeAlone(name, labels, options, isAnonymous, owner)
        }
    }

    private func alone<Value>(_ body: () throws(APIError) -> Value) throws(APIError) -> Value {
        let outcome: Result<Value, APIError> = changing.withLock { _ in
            do throws(APIError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    private func makeAlone(
        _ name: String, _ labels: JSON, _ options: JSON, _ isAnonymous: Bool, _ owner: (user: UInt32, group: UInt32)?
    ) throws(APIError) -> JSONObject {
        if Files.exists("\(directory)/\(name)/volume.json") { return try volume(name) }
        var labels = labels.object ?? JSONObject()
        if isAnonymous { labels["com.docker.volume.anonymous"] = "" }
        let object: JSONObject = [
            "CreatedAt": .string(Moment.now.text), "Driver": "local", "Labels": .object(labels),
            "Mountpoint": .string(data(name)), "Name": .string(name), "Options": options, "Scope": "local",
        ]
        do throws(KernelError) {
            try Files.makeDirectories("\(directory)/\(name)")
            try HostFiles.makeDirectories(data(name), owner)
            try Files.replace("\(directory)/\(name)/volume.json", with: Array(JSON.object(object).text.utf8))
        } catch {
            unlinkTree("\(directory)/\(name)")
            throw APIError(500, "create volume \(name): \(error)")
        }
        return object
    }

    /// The volume that `make` would give, as far as a mount has to know it.
    func planned(_ name: String) throws(APIError) -> JSONObject {
        if Files.exists("\(directory)/\(name)/volume.json") { return try volume(name) }
        return ["Name": .string(name), "Mountpoint": .string(data(name))]
    }

    func all() -> [JSONObject] {
        do throws(KernelError) {
            return try Files.names(in: directory).sorted().compactMap { name in
                do throws(APIError) { return try volume(name) } catch { return nil }
            }
        } catch {
            return []
        }
    }

    func remove(_ name: String) throws(APIError) {
        try alone { () throws(APIError) in
            _ = try volume(name)
            // What goes first makes it none: a volume that is half removed is gone.
            unlink("\(directory)/\(name)/volume.json")
            try Faults.image { () throws(ImageError) in try FileTree.remove("\(directory)/\(name)") }
        }
    }

    /// What a make or a remove that was cut left is gone: files of before are nothing for a new volume of that name.
    func sweep() {
        do throws(KernelError) {
            for name in try Files.names(in: directory) where !Files.exists("\(directory)/\(name)/volume.json") {
                unlinkTree("\(directory)/\(name)")
            }
        } catch {}
    }
}
