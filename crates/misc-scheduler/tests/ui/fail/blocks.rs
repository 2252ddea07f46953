use misc_scheduler::service;

struct Empty;

#[service]
impl Empty {
    async fn poll(&self) {}
}

trait Poll {
    fn poll(&self);
}

#[service]
impl Poll for Empty {
    fn poll(&self) {}
}

#[service]
struct NoBlock;

struct Borrows<'a>(&'a str);

#[service]
impl<'a> Borrows<'a> {
    #[task]
    async fn fine(&self) {}
}

struct Both;

#[service]
impl Both {
    #[task]
    #[context]
    async fn both(&self) -> Result<u8, String> {
        Ok(1)
    }
}

fn main() {}
