"""Transfers: files fetched from and sent to servers by HTTP(S), FTP(S) and SFTP, each in a process of its own.

`runner.run` starts `python -m chargepoint.shell.transfers` and watches over it. A process, because then whatever a server, a
name server or a TLS library does, the event loop never waits, its memory (14 MB for HTTP, 19 MB for SFTP) is given back at the
end, and a transfer that hangs is killed without a trace. HTTP is urllib3's: one package without dependencies that checks
lengths and leaves bodies as they are. FTP and FTPS are ftplib's, SFTP is asyncssh's where that is installed (extra `sftp`).
"""
