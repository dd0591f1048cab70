import CContainer
import CKernel
import Glibc

/// A learner's shell, which goes along when its world is built anew or another lesson's takes its place.
public enum LabShell {
    /// Until it is left, or no world stands any more; gives its exit code. Without a name it is in host, or in the first node. The
    /// calling process must have one thread; it stays outside. Throws E-NAME when there is no such node.
    public static func run(_ world: World, in name: String?) throws(LabError) -> Int32 {
        var world = world
        if let name { _ = try world.node(name) }
        for _ in 0..<10_000 {
            let code = try once(world, name ?? "host")
            // A shell that was left, or killed by itself; a world that ends kills its processes before its holder has ended.
            if world.holder.isAlive, code != 128 + SIGKILL || !ends(world) { return code }
            // Whoever builds the next one has this lock meanwhile.
            _ = try ProgressLock(try ProgressFile.standard())
            guard let next = try World.running() else {
                let text = "berth: the world has ended\n"
                _ = write(STDERR_FILENO, text, text.utf8.count)
                return 0
            }
            world = next
        }
        return 0
    }

    /// Waits for the holder's end while the world goes down, at most three seconds where nothing says so.
    private static func ends(_ world: World) -> Bool {
        for round in 0..<1000 where world.holder.isAlive {
            if round >= 300, world.stands { return false }
            usleep(10_000)
        }
        return !world.holder.isAlive
    }

    private static func once(_ world: World, _ name: String) throws(LabError) -> Int32 {
        let names = world.nodes.map(\.name)
        // The terminal's signals are the shell's.
        for number in [SIGINT, SIGQUIT, SIGTTOU] { signal(number, SIG_IGN) }
        return Apart.run { () throws(LabError) in try world.shell(in: names.contains(name) ? name : names[0]) }
    }
}

/// What a child does: who has entered a world cannot leave it, nor go into another one, and its own children are a node's.
enum Apart {
    /// The body's exit code; what it throws is printed. The calling process must have one thread, and must not have entered.
    static func run(_ body: () throws(LabError) -> Int32) -> Int32 {
        fflush(nil)
        let child = fork()
        if child == 0 {
            do throws(LabError) {
                let code = try body()
                fflush(nil)
                _exit(code)
            } catch {
                let text = error.description
                _ = write(STDERR_FILENO, text, text.utf8.count)
                _exit(error.exitCode)
            }
        }
        var status: Int32 = 0
        guard child > 0, berth_wait_child(child, &status) == child else { return 125 }
        return berth_exit_status(status)
    }
}
