import Glibc
import Images
import JSON
import NetCore

// What differs from the image, and docker cp.
extension Containers {
    public func changes(_ reference: String) throws(APIError) -> [JSONObject] {
        let container = try find(reference)
        return try Faults.image { () throws(ImageError) in
            let layers = try images.layers(of: images.image(container.imageID))
            return try ContainerRoot(container.directory).changes(over: layers).map {
                ["Path": .string($0.path), "Kind": .integer(Int64($0.kind))]
            }
        }
    }

    /// The container's root for the time of `body`, which only reads: it can start, end and go meanwhile, however slow the client is,
    /// for its root is held open.
    private func readingRoot<Value>(_ container: Container, _ body: (String) throws(ImageError) -> Value)
        throws(APIError)
        -> Value
    {
        let open = try container.alone { () throws(APIError) -> Int32 in
            let now = container.now
            guard !now.isGone else { throw APIError(404, "No such container: \(container.id)") }
            guard now.isAlive, now.pid > 0 else { return try openRoot(container, now.map) }
            return try Faults.kernel("open the root of container \(container.shortID)") { () throws(KernelError) in
                try OwnedDescriptor(open: "/proc/\(now.pid)/root", O_RDONLY | O_DIRECTORY).release()
            }
        }
        defer { close(open) }
        return try Faults.image { () throws(ImageError) in try body("/proc/self/fd/\(open)") }
    }

    /// The container's root for the time of `body`: a running one's own with its volumes, else mounted for it. A running one
    /// can end meanwhile, however slow the client is: its root is held open, so that no other process can take its place. One that does
    /// not run waits until `body` is done: what is written must reach what it starts with.
    private func withRoot<Value>(_ container: Container, _ body: (String) throws(ImageError) -> Value) throws(APIError)
        -> Value
    {
        let open = try container.alone { () throws(APIError) -> Int32 in
            let now = container.now
            guard now.isAlive, now.pid > 0 else { return -1 }
            return try Faults.kernel("open the root of container \(container.shortID)") { () throws(KernelError) in
                try OwnedDescriptor(open: "/proc/\(now.pid)/root", O_RDONLY | O_DIRECTORY).release()
            }
        }
        if open >= 0 {
            defer { close(open) }
            return try Faults.image { () throws(ImageError) in try body("/proc/self/fd/\(open)") }
        }
        return try container.alone { () throws(APIError) in
            guard !container.now.isAlive else {
                throw APIError(409, "container \(container.shortID) has started meanwhile: try again")
            }
            let map = container.now.map
            let root = ContainerRoot(container.directory, map: map)
            return try Faults.image { () throws(ImageError) in
                try root.mount(
                    over: images.layers(of: images.image(container.imageID)), map, userNamespace: nil)
                do throws(ImageError) {
                    let value = try body(root.path)
                    try root.unmount()
                    return value
                } catch {
                    do throws(ImageError) { try root.unmount() } catch {}
                    throw error
                }
            }
        }
    }

    public func readArchive(_ reference: String, path: String, to descriptor: Int32) throws(APIError) {
        let container = try find(reference)
        let map = container.now.map
        try readingRoot(container) { root throws(ImageError) in
            try RootArchive.read(path, in: root, to: descriptor, map: map)
        }
        tell("archive-path", container)
    }

    public func writeArchive(_ reference: String, path: String, from descriptor: Int32, noOverwriteDirNonDir: Bool)
        throws(APIError)
    {
        let container = try find(reference)
        guard container.now.host["ReadonlyRootfs"]?.bool != true else {
            throw APIError(403, "container rootfs is marked read-only")
        }
        let map = container.now.map
        try withRoot(container) { root throws(ImageError) in
            try RootArchive.write(
                path, in: root, from: descriptor, noOverwriteDirNonDir: noOverwriteDirNonDir, map: map)
        }
        tell("extract-to-dir", container)
    }

    public func statArchive(_ reference: String, path: String) throws(APIError) -> JSONObject {
        try readingRoot(find(reference)) { root throws(ImageError) in try RootArchive.stat(path, in: root) }
    }
}
