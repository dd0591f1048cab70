import CFiles
import Glibc
import NetCore
import TestSupport
import Testing

@testable import Images

@Suite struct ContainerRootTests {
    /// `count` layers, each with a file of its own and one that all have, below a long path.
    private static func makeLayers(_ host: PrivateHost, _ count: Int, _ folder: String) throws -> [String] {
        try (0..<count).map { index in
            let path = "\(host.scratch)/\(folder)/\(index)"
            try Files.makeDirectories(path)
            try Files.replace("\(path)/own-\(index)", with: [])
            try Files.replace("\(path)/same", with: Array("\(index)".utf8))
            return path
        }
    }

    @Test func `a root of 300 layers with long paths is mounted, also as older kernels want it told`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let folder = String(repeating: "l:o,n\\g", count: 30) + "/" + String(repeating: "x", count: 200)
            let layers = try ContainerRootTests.makeLayers(host, 300, folder)
            let root = ContainerRoot(archives.path("container"))
            try Files.makeDirectories(root.directory)
            try root.mount(over: layers)
            host.expect(archives.text("\(root.path)/same"), is: "299", "the highest layer's file")
            host.expect(try Files.names(in: root.path).count, is: 301, "all layers' files")
            try root.remove()

            let places = ["u", "w", "m"].map { archives.path($0) }
            for place in places { try Files.makeDirectories(place) }
            let few = layers.suffix(150).reversed().map { UnsafePointer(strdup($0)!) }
            defer { for name in few { free(UnsafeMutablePointer(mutating: name)) } }
            var stage: UnsafePointer<CChar>?
            let names: [UnsafePointer<CChar>?] = few
            let outcome = berth_overlay_mount_by_options(names, 150, places[0], places[1], places[2], &stage)
            host.expect(outcome, is: 0, "mount(2): \(Errno.current)")
            host.expect(archives.text("\(places[2])/same"), is: "299", "the highest layer's file, by options")
            host.expect(try Files.names(in: places[2]).count, is: 151, "all files, by options")
        }
    }

    @Test func `a layer on an overlay is refused with a word about where to put it`() throws {
        try PrivateHost.run { host in
            let archives = Archives(host: host)
            let layers = try ContainerRootTests.makeLayers(host, 1, "layers")
            try Files.makeDirectories(archives.path("container"))
            try host.overlay(archives.path("container"))
            let root = ContainerRoot(archives.path("container"))
            let refused = try archives.refusal { try root.mount(over: layers) }
            host.expect(refused?.status, is: 500, "status")
            host.expect(
                refused?.description.holds("lies on an overlay file system") == true
                    && refused?.description.holds("--root on a disk or a tmpfs") == true,
                "\(refused?.description ?? "mounted")")
            host.expect(!root.isMounted, "nothing is mounted")
        }
    }
}
