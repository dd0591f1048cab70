import JSON
import Testing

@testable import Containers

@Suite("Links, other containers' volumes, ranges of ports")
struct WishesTests {
    @Test("a hosts file gets new addresses where the old stood; what others wrote stays")
    func hosts() {
        let text = "127.0.0.1\tlocalhost\n192.0.2.1\tdb dbhost one\nfd00::1\tdb dbhost one\n192.0.2.9 db\n"
        #expect(
            Containers.hosts(text, [("db dbhost two", ["192.0.2.5", "fd00::5"])])
                == "127.0.0.1\tlocalhost\n192.0.2.5\tdb dbhost two\nfd00::5\tdb dbhost two\n192.0.2.9 db\n")
        #expect(Containers.hosts(text, [("db x", [])]) == text, "nothing is known of it now")
        #expect(Containers.hosts("a\tb", [("c", ["1"]), ("d", ["2"])]) == "a\tb\n1\tc\n2\td\n")
        #expect(Containers.hosts("", [("c", ["1"])]) == "1\tc\n")
    }

    @Test(
        "a link is a container and an alias",
        arguments: [("db", "db"), ("db:store", "store"), ("/db:/app/store", "store")])
    func links(_ text: String, _ alias: String) throws { #expect(try Wish.link(text).alias == alias) }

    @Test("what is no link is refused", arguments: ["", ":", "a:", ":a", "a:b:c", "a:b c", "a:b\n192.0.2.1 x", "a:#"])
    func wrongLinks(_ text: String) { #expect(throws: APIError.self) { try Wish.link(text) } }

    @Test("a label that is asked for goes before the image's of that name")
    func labels() {
        let merged = Wish.merged(["Labels": ["a": "asked", "c": "3"]], over: ["Labels": ["a": "image", "b": "2"]])
        #expect(merged["Labels"] == ["a": "asked", "b": "2", "c": "3"])
    }

    @Test("volumes-from has a mode or none")
    func volumesFrom() throws {
        #expect(try Wish.volumesFrom("a") == ("a", false))
        #expect(try Wish.volumesFrom("a:rw,z") == ("a", false))
        #expect(try Wish.volumesFrom("a:ro") == ("a", true))
        for text in ["", ":ro", "a:", "a:nocopy", "a:ro:rw"] {
            #expect(throws: APIError.self, "\(text)") { try Wish.volumesFrom(text) }
        }
    }
}
