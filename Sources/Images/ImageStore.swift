import JSON
import NetCore

/// What went wrong with an image, as Docker's API tells it: `status` is an HTTP status code (400, 404, 409, 500, 507).
public struct ImageError: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
    public init(_ status: Int, _ description: String) {
        self.status = status
        self.description = description
    }
}

/// An image that the store has.
public struct Image: Sendable {
    /// `sha256:` and 64 hexadecimal digits: the digest of its configuration.
    public var id: String
    /// `name:tag`, sorted.
    public var tags: [String]
    /// The image's configuration as the OCI image specification has it (`config`, `rootfs`, `history`, `created`, …).
    public var configuration: JSONObject
    /// Bytes of all layers, unpacked.
    public var size: Int64
}

/// Images under one directory, content-addressed; layers are unpacked once and shared. Any number of processes may use it.
public struct ImageStore: Sendable {
    public let directory: String
    public init(_ directory: String) { self.directory = directory }

    /// By name (`:latest` when it has no tag), `name@sha256:…`, id or a beginning of one. Throws 404, 409 when several begin so.
    public func image(_ reference: String) throws(ImageError) -> Image { throw ImageError(501, "not yet") }
    /// Newest first.
    public func images() throws(ImageError) -> [Image] { throw ImageError(501, "not yet") }
    /// The unpacked layers, the lowest first: directories.
    public func layers(of image: Image) throws(ImageError) -> [String] { throw ImageError(501, "not yet") }
    /// An archive of `docker save` or of an OCI layout, plain or gzip, read from a descriptor; gives the names or ids of what came.
    /// `progress` is told the bytes read. Nothing half unpacked stays.
    public func load(from descriptor: Int32, progress: (Int64) -> Void = { _ in }) throws(ImageError) -> [String] {
        throw ImageError(501, "not yet")
    }
    /// An archive that `docker load` and this store read.
    public func save(_ references: [String], to descriptor: Int32) throws(ImageError) {
        throw ImageError(501, "not yet")
    }
    /// A root file system's tar as an image of one layer; `changes` are Dockerfile lines (CMD, ENTRYPOINT, ENV, EXPOSE, USER, VOLUME, WORKDIR, LABEL).
    public func makeImage(
        fromTar descriptor: Int32, reference: String?, changes: [String], message: String?
    ) throws(ImageError) -> Image { throw ImageError(501, "not yet") }
    public func tag(_ reference: String, as name: String) throws(ImageError) { throw ImageError(501, "not yet") }
    /// `used`: ids of images that containers stand on. Gives what Docker's DELETE answers: (`Untagged`|`Deleted`, what).
    public func remove(_ reference: String, force: Bool, used: [String]) throws(ImageError) -> [(String, String)] {
        throw ImageError(501, "not yet")
    }
}

/// A container's copy-on-write root: `layers` below, `directory`/layer/{upper,work} above, mounted at `directory`/rootfs.
public struct ContainerRoot: Sendable {
    public let directory: String
    public init(_ directory: String) { self.directory = directory }

    public func mount(over layers: [String]) throws(ImageError) { throw ImageError(501, "not yet") }
    public var isMounted: Bool { false }
    /// Nothing is mounted there any more; done again it does nothing.
    public func unmount() throws(ImageError) { throw ImageError(501, "not yet") }
    /// Unmounted, and the layer is gone.
    public func remove() throws(ImageError) { throw ImageError(501, "not yet") }
    /// What differs from the image, as `docker diff`: kind 0 modified, 1 added, 2 deleted.
    public func changes(over layers: [String]) throws(ImageError) -> [(kind: Int, path: String)] {
        throw ImageError(501, "not yet")
    }
}

/// tar archives out of and into a directory that is a container's root; no path leaves it, whatever its links say.
public enum RootArchive {
    /// What `docker cp` reads: `path` (its last component's name inside the archive), to `descriptor`. Throws 404.
    public static func read(_ path: String, in root: String, to descriptor: Int32) throws(ImageError) {
        throw ImageError(501, "not yet")
    }
    /// An archive from `descriptor` is unpacked into the directory `path`. Throws 404, 400.
    public static func write(
        _ path: String, in root: String, from descriptor: Int32, noOverwriteDirNonDir: Bool
    ) throws(ImageError) { throw ImageError(501, "not yet") }
    /// `X-Docker-Container-Path-Stat`: name, size, mode (Go's os.FileMode), mtime, linkTarget.
    public static func stat(_ path: String, in root: String) throws(ImageError) -> JSONObject {
        throw ImageError(501, "not yet")
    }
}
