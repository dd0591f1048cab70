import Glibc
import Images
import JSON
import MiniRuntime
import NetCore

// A container's root as an archive, and as an image.
extension Containers {
    /// `docker export`: its root without its volumes, to the descriptor. It can start, end and go meanwhile, however slow the
    /// client is: its root is held open.
    public func export(_ reference: String, to descriptor: Int32) throws(APIError) {
        let container = try find(reference)
        let open = try container.alone { () throws(APIError) -> Int32 in
            guard !container.now.isGone else { throw APIError(404, "No such container: \(reference)") }
            return try openRoot(container, nil)
        }
        defer { close(open) }
        try Faults.image { () throws(ImageError) in
            try RootArchive.export("/proc/self/fd/\(open)", to: descriptor)
        }
        tell("export", container)
    }

    /// Its root without its volumes, with the owners that `map` makes of the image's, open to be read: one that does not run is mounted for
    /// that, and nowhere to be seen afterwards. The caller is alone with the container, and closes it.
    func openRoot(_ container: Container, _ map: IDMap?) throws(APIError) -> Int32 {
        let root = ContainerRoot(container.directory, map: map)
        let isMounted = root.isMounted
        if !isMounted {
            try Faults.image { () throws(ImageError) in
                try root.mount(over: images.layers(of: images.image(container.imageID)), map, userNamespace: nil)
            }
        }
        defer {
            // What does not go now goes with the container's next start or its end.
            if !isMounted { do throws(ImageError) { try root.unmount() } catch {} }
        }
        return try Faults.kernel("open the root of container \(container.shortID)") { () throws(KernelError) in
            try OwnedDescriptor(open: root.path, O_RDONLY | O_DIRECTORY).release()
        }
    }

    /// `docker commit`: what it has changed is one more layer on its image; its volumes are not part of it. With `pause` it is held still
    /// meanwhile. `config` goes before the container's own, `changes` are lines of a Dockerfile before both. Gives the image's id.
    public func commit(
        _ reference: String, config asked: JSONObject, changes: [String], as name: String?, author: String?,
        comment: String?, pause: Bool
    ) throws(APIError) -> String {
        let container = try find(reference)
        let image = try Faults.image { () throws(ImageError) in try images.image(container.imageID) }
        let config = try Containers.imageConfig(asked, over: container.now.config)
        let made = try still(container, pause) { () throws(APIError) in
            try Faults.image { () throws(ImageError) in
                try images.commit(
                    ContainerRoot(container.directory), over: image, config: config, changes: changes, reference: name,
                    author: author, message: comment)
            }
        }
        tell("commit", container, [("comment", comment ?? ""), ("imageID", made.id), ("imageRef", name ?? "")])
        return made.id
    }

    /// `body` runs while the container is paused, if it runs and `pause` says so. A person who lets it go, or ends it, meanwhile may do so.
    private func still<Value>(_ container: Container, _ pause: Bool, _ body: () throws(APIError) -> Value)
        throws(APIError) -> Value
    {
        guard pause, container.now.status == .running else { return try body() }
        let health = container.now.health?.status
        try self.pause(container.id, forCommit: true)
        let outcome: Result<Value, APIError>
        do throws(APIError) { outcome = .success(try body()) } catch { outcome = .failure(error) }
        // It is as well as before: nobody paused it.
        if let health { container.state.change { if $0.status == .paused { $0.health?.status = health } } }
        do throws(APIError) { try unpause(container.id) } catch {
            // 409: somebody was quicker.
            guard error.status == 409 else { throw error }
        }
        return try outcome.get()
    }

    /// What of a container's Config is an image's, with what is asked for before it, as at a create.
    static func imageConfig(_ asked: JSONObject, over container: JSONObject) throws(APIError) -> JSONObject {
        let body = Body(asked)
        for key in ["User", "WorkingDir", "StopSignal"] { _ = try body.text(key) }
        for key in ["Env", "Cmd", "Entrypoint", "Shell", "OnBuild"] { _ = try body.texts(key, orOne: true) }
        for key in ["ExposedPorts", "Volumes"] { _ = try body.body(key) }
        _ = try body.pairs("Labels")
        _ = try HealthCheck(asked)
        let merged = Wish.merged(asked, over: container)
        var config = JSONObject()
        for key in [
            "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal",
            "Healthcheck", "Shell", "OnBuild",
        ] {
            guard let value = merged[key] ?? container[key] else { continue }
            switch value {
            case .null, .string(""): continue
            case .object(let object) where object.isEmpty: continue
            case .array(let elements) where elements.isEmpty: continue
            default: config[key] = value
            }
        }
        return config
    }
}
