import Glibc
import JSON
import NetCore

/// From the end of init to the end of the shim: the record is written, who waits is told, the runtime deletes.
extension Shim {
    func initHasEnded() {
        let hasRun = status == .running
        status = .stopped
        if hasRun { streams.drain() } else { streams.finish() }
        if streams.isOver { finalize() }
    }

    func finalize() {
        guard status == .stopped, record == nil, let ended = endedWith else { return }
        let signal = ended & 0x7f
        let code = signal == 0 ? (ended >> 8) & 0xff : 128 + signal
        write(
            ExitRecord(
                exitCode: code, signal: signal == 0 ? nil : signal, oom: Shim.oomKills(options.bundle) > 0,
                startedAt: startedAt))
        delete()
    }

    func write(_ record: ExitRecord) {
        guard self.record == nil else { return }
        self.record = record
        writeRecord(triesLeft: 600)
        // Answered at once; the connection itself ends with the shim, when the container is removed from the runtime too.
        for waiter in waiters { waiter.answer(.done(record.object), keeping: true) }
        waiters = []
    }

    /// The room for it is reserved. Where the disk does not keep to that (btrfs) it may have room again: for ten minutes it is tried each
    /// second, unless the container has been removed.
    private func writeRecord(triesLeft: Int) {
        do throws(KernelError) { try record?.write(options.exit) } catch {
            guard triesLeft > 0, Files.exists(Files.directory(of: options.exit)) else {
                isUnwritten = false
                return
            }
            isUnwritten = true
            loop.after(1000) { [unowned self] in writeRecord(triesLeft: triesLeft - 1) }
            return
        }
        isUnwritten = false
        if isRemoved { isDeleted = true }
    }

    func delete() {
        let done = { [unowned self] in
            isRemoved = true
            if !isUnwritten { isDeleted = true }
        }
        do throws(KernelError) {
            try start(["delete", "--force", options.id]) { [unowned self] _, _ in
                done()
                // What still runs of an exec is of no container any more.
                loop.after(2000) { [unowned self] in isPastWaiting = !streams.isBusy }
                loop.after(60_000) { [unowned self] in isPastWaiting = true }
            }
        } catch { done() }
    }

    private static func oomKills(_ bundle: String) -> Int {
        do throws(KernelError) {
            let bytes = try Files.read("\(bundle)/config.json")
            guard let path = (try? JSON(parsing: bytes))?["linux"]?["cgroupsPath"]?.string, path.hasPrefix("/") else {
                return 0
            }
            return try Cgroup(path: path).oomKills ?? 0
        } catch { return 0 }
    }
}
