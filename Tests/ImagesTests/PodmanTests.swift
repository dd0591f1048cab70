import Glibc
import NetCore
import TestSupport
import Testing

@testable import Images

@Suite struct PodmanTests {
    /// podman with all that it keeps in the host's scratch folder.
    private static func configure(_ host: PrivateHost) throws {
        let top = "\(host.scratch)/podman"
        for folder in ["etc", "tmp"] { try Files.makeDirectories("\(top)/\(folder)") }
        try host.must("mount -t tmpfs tmpfs /dev/shm")
        func write(_ name: String, _ text: String) throws {
            try Files.replace("\(top)/etc/\(name)", with: Array(text.utf8))
        }
        try write(
            "containers.conf",
            "[containers]\ncgroups = \"disabled\"\n[engine]\nlock_type = \"file\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"\(top)/run\"\n"
        )
        try write(
            "storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \"\(top)/root\"\nrunroot = \"\(top)/runroot\"\n")
        try write("registries.conf", "unqualified-search-registries = []\n")
        try write("policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n")
        host.environment.merge([
            "CONTAINERS_CONF": "\(top)/etc/containers.conf", "CONTAINERS_STORAGE_CONF": "\(top)/etc/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": "\(top)/etc/registries.conf", "TMPDIR": "\(top)/tmp", "HOME": top,
        ]) { $1 }
    }

    @Test func `podman loads what is saved, and what podman saves is loaded, in both formats`() throws {
        try PrivateHost.run { host in
            try PodmanTests.configure(host)
            let archives = Archives(host: host)
            try archives.make(
                """
                image('first.tar', [layer(('bin/',), ('a', '1'), ('gone', 'x')), layer(('.wh.gone',), ('b', '2'))], ['docker.io/me/two:1'], form='oci')
                """)
            let store = ImageStore(archives.path("store"))
            _ = try archives.load("first.tar", into: store)
            let image = try store.image("me/two:1")
            do {
                let out = try archives.created("ours.tar")
                try store.save(["me/two:1"], to: out.number)
            }
            let said = try host.must("podman load -q -i \(archives.path("ours.tar"))", seconds: 60)
            host.expect(said, is: "Loaded image: docker.io/me/two:1\n", "podman load")
            let id = try host.must("podman image inspect -f {{.Id}} docker.io/me/two:1", seconds: 60)
            host.expect("sha256:\(id)", is: "\(image.id)\n", "the id that podman gives it")
            for format in ["docker-archive", "oci-archive"] {
                try host.must(
                    "podman save -q --format \(format) -o \(archives.path(format)) docker.io/me/two:1", seconds: 60)
                let other = ImageStore(archives.path("store-\(format)"))
                host.expect(try archives.load(format, into: other), is: ["me/two:1"], format)
                let found = try other.image("me/two:1")
                host.expect(found.id, is: image.id, "the id from podman's \(format)")
                let layers = try other.layers(of: found)
                host.expect(archives.text("\(layers[1])/b"), is: "2", "the second layer")
            }
        }
    }
}
